"""`sim2real replay`: replay recorded episodes: through a policy, in simulation, on a robot, or in a viewer."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from launch.console import INTERRUPTED, print_table, reporting, say, typed_command
from sim2real.replays.config import ReplayConfig

if TYPE_CHECKING:
    from sim2real.replays.replay import ReplayResult
    from sim2real.replays.robot_replay import RobotReplay
    from sim2real.robots.playback import Played, Program

ALIKE = "frames of one episode are not independent"
FAILED = 1  # exit code: simulated states differ, or the robot did not reach the end


def command(
    config: Annotated[ReplayConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Replay recorded episodes: through a policy, in simulation, on a robot, or in Rerun's viewer.

    Example: sim2real replay datasets/track_2 --episode 3 --on policy --checkpoint runs/policy

    On a policy: the policy's action at every frame, as a film, a plot, the worst frames and report.html. In
    simulation: how far the model diverges from the log, per joint; an episode recorded in simulation is reproduced bit
    for bit. On a robot (with --move): smooth start, limited speed, pause (space) and stop (q).
    """
    from launch.keys import beside_robot
    from sim2real.replays.replay import replay
    from sim2real.reports.pages.replay import write_replay_report
    from sim2real.reports.viewer import rerun

    if config.on == "viewer":
        rerun()
    if config.on in ("robot", "rehearsal"):
        with beside_robot(_say_program) as (stages, supervisor):
            result = replay(config, out, stages, supervisor)
    else:
        with reporting() as stages:
            result = replay(config, out, stages)
    if result.folder is None:
        say("nothing was moved: add --move to move the robot")
        return
    if result.assumed:
        say(f"note: too few values to infer the unit, the model's range is assumed: {', '.join(result.assumed)}")
    with reporting() as stages:
        notes = write_replay_report(result, typed_command(), stages)
    played = result.on_robot.played if result.on_robot is not None else None
    if config.on == "viewer":
        _say_viewer(result, notes)
    elif result.on_robot is not None and played is not None:
        _say_playback(result.on_robot, played)
    else:
        _say_policy(result) if result.through_policy else _say_simulated(result, notes)
        say(f"report: {result.folder / 'report.html'}")
    say(f"run: {result.folder}")
    if not result.passed:
        sys.exit(INTERRUPTED if played is not None and played.interrupted else FAILED)


def _say_program(text: str, program: "Program | None" = None) -> None:
    """Print the commands that a robot is about to execute."""
    from sim2real.reports.pages.playback import program_table

    if program is None:
        say(text)
        return
    fastest, count = int(program.speed.argmax()), len(program.commands)
    say(f"{text}: {count} commands, {count * program.dt:.1f} s at {1 / program.dt:g} Hz, after a smooth start at"
        f" {program.ease_speed:g} rad/s at most")  # fmt: skip
    print_table(*program_table(program), title="joint targets [rad] and their largest speeds [rad/s]")
    say(f"largest recorded speed: {program.speed[fastest]:.2f} rad/s ({program.names[fastest]});"
        f" {program.changed.sum()} of {count} commands are limited in speed or range")  # fmt: skip


def _say_playback(replay: "RobotReplay", played: "Played") -> None:
    from sim2real.reports.pages.playback import tracking_table

    if replay.tracking:
        print_table(*tracking_table(replay), title="tracking error: measured minus commanded")
    if played.reason:
        far = f"after {len(played.error)} of {len(replay.program.commands)} commands"
        say(f"stopped {far if replay.tracking else 'on the way to the first pose'}: {played.reason}")


def _say_policy(result: "ReplayResult") -> None:
    from sim2real.reports.lines import skipped_line, smoothing_line
    from sim2real.reports.pages.policy_replay import agreement_table, gains_line, worst_table

    for replay in result.through_policy:
        left_out = f"; left out: {skipped_line(replay.skipped)}" if replay.skipped else ""
        frames = f"{len(replay.row)} frames{left_out}"
        say(f"episode {replay.episode}: {frames}; {smoothing_line(replay.smoothing, replay.fps)}")
        print_table(*worst_table(replay, result.config.worst), title="frames that differ most after the gain")
        say(gains_line(replay))
        _say_film(result, replay.episode)
    title = f"\n{result.through_policy[0].action}, without intervals: {ALIKE}"
    print_table(*agreement_table(result.through_policy), title=title)


def _say_simulated(result: "ReplayResult", notes: Mapping[int, str]) -> None:
    from sim2real.reports.pages.simulated_replay import joint_table

    for replay in result.logs:
        title = f"\nepisode {replay.episode}: divergence of {replay.robot} [rad], {replay.servos}"
        print_table(*joint_table(replay), title=title)
        _say_note(notes, replay.episode)
        _say_film(result, replay.episode)
    for replay in result.exact:
        _say_note(notes, replay.episode)
        say(f"episode {replay.episode}: {replay.verdict}")


def _say_viewer(result: "ReplayResult", notes: Mapping[int, str]) -> None:
    from sim2real.reports.viewer import open_viewer

    paths = [result.folder / name for name in result.metrics["recordings"]] if result.folder is not None else []
    for episode, path in zip(result.episodes, paths, strict=True):
        _say_note(notes, episode)
        say(f"recording: {path}")
    if result.config.open:
        open_viewer(paths)
    else:
        say(f"open it with: {shlex.join(['rerun', *map(str, paths)])}")


def _say_note(notes: Mapping[int, str], episode: int) -> None:
    if episode in notes:
        say(f"note: {notes[episode]}")


def _say_film(result: "ReplayResult", episode: int) -> None:
    if result.folder is not None:
        say(f"film: {result.folder / f'episode-{episode:03d}.mp4'}")
