"""`sim2real replay --on sim`: a log through the arm's model, or an episode that was recorded in simulation again."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.console import print_table, reporting, say, typed_command
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.identification.models import arm_of
from sim2real.identification.robot_file import read_servos
from sim2real.identification.simulation import Replayer
from sim2real.recordings.footage import recorded_frames
from sim2real.recordings.origin import Origin
from sim2real.replays.exact_replay import ExactReplay, replay_exactly
from sim2real.replays.log_replay import read_logs, replay_log
from sim2real.reports.films.logs import film_exact, film_log
from sim2real.reports.pages.simulated_replay import exact_page, joint_table, joints_plot, log_page, state_plot
from sim2real.runs import Run, start_run

if TYPE_CHECKING:
    from launch.replay import ReplayConfig

DIFFERENT = 1  # exit code: the replay worked, and the states are not the same


def replay_in_simulation(
    config: "ReplayConfig", dataset: EpisodeDataset, places: Sequence[int], out: Path | None
) -> None:
    """Replay episodes in simulation.

    Raises:
        InputError: a recording of no arm, in other units, with gaps or values that are not numbers.
    """
    if Origin.read(dataset.root) is not None:
        _again(config, dataset, places, out)
    else:
        _logs(config, dataset, places, out)


def _logs(config: "ReplayConfig", dataset: EpisodeDataset, places: Sequence[int], out: Path | None) -> None:
    robot, recording, logs = read_logs(dataset, config.episodes)
    if recording.units.assumed:
        assumed = ", ".join(recording.units.assumed)
        say(f"note: too few values to show their unit, the model's range is assumed: {assumed}")
    arm, replays = arm_of(robot), []
    replayer = Replayer(arm, recording.fps)
    servos = () if config.robot is None else _servos(Path(config.robot), robot.name, replayer)
    with reporting() as stage:
        report = stage("simulate")
        for done, log in enumerate(logs, start=1):
            replays.append(replay_log(log, replayer, recording.fps, *servos))
            report(done, len(logs), {"RMSE": replays[-1].overall["rmse"] or 0.0})
    run, config = start_run("replay", config, out, resume=False)
    films, notes = [], {}
    for one, k in zip(replays, places, strict=True):
        name = f"episode-{one.episode:03d}"
        frames = recorded_frames(dataset, k)
        if isinstance(frames, str):
            notes[one.episode] = f"{frames}; the film shows the simulation alone, beside it the logged posture, drawn"
        with reporting() as stage:
            film_log(run.folder / f"{name}.mp4", arm, one, frames, _told(stage(f"film of episode {one.episode}")))
        films.append(f"{name}.mp4")
        joints_plot(one).savefig(run.folder / f"{name}.png", dpi=120)
        print_table(*joint_table(one), title=f"\nepisode {one.episode}: divergence of {robot.name} [rad], {one.servos}")
        if one.episode in notes:
            say(f"note: {notes[one.episode]}")
        say(f"film: {run.folder / films[-1]}")
    page = log_page(f"{Path(config.dataset).name} in simulation", replays, films, notes)
    _finish(run, config, page, {str(one.episode): {"joints": one.metrics, **one.overall} for one in replays},
            {"servos": replays[0].servos, "ahead_seconds": 1.0})  # fmt: skip


def _servos(path: Path, robot: str, replayer: Replayer) -> tuple[Any, ...]:
    """Parameters and whose they are, as `replay_log` takes them."""
    return read_servos(path, robot, replayer), f"the servos of {Path(*path.parts[-2:])}"


def _again(config: "ReplayConfig", dataset: EpisodeDataset, places: Sequence[int], out: Path | None) -> None:
    if config.robot is not None:
        raise InputError("--robot is for logs of real robots: this one was recorded in simulation, with its own servos")
    replays: list[ExactReplay] = []
    with reporting() as stage:
        for k in places:
            report = stage(f"episode {dataset.indices[k]}")
            replays.append(replay_exactly(dataset, k, progress=_told(report)))
    run, config = start_run("replay", config, out, resume=False)
    films = []
    for one, k in zip(replays, places, strict=True):
        name = f"episode-{one.episode:03d}"
        with reporting() as stage:
            filmed = film_exact(run.folder / f"{name}.mp4", dataset, k, _told(stage(f"film of episode {one.episode}")))
        films.append(f"{name}.mp4" if filmed else "")
        state_plot(one).savefig(run.folder / f"{name}.png", dpi=120)
        if one.changed:
            say(f"note: {one.changed}")
        say(f"episode {one.episode}: {one.verdict}")
    page = exact_page(f"{Path(config.dataset).name}, simulated again", replays, films)
    figures = {
        str(one.episode): {
            "states": len(one.recorded),
            "identical": int(one.same.sum()),
            "largest_difference": float(one.difference.max()),
            "changed": one.changed,
        }
        for one in replays
    }
    _finish(run, config, page, figures, {"identical": all(bool(one.same.all()) for one in replays)})
    if not all(one.passed for one in replays):
        sys.exit(DIFFERENT)


def _told(report: Callable[..., None]) -> Callable[[int, int], None]:
    return report


def _finish(run: Run, config: "ReplayConfig", page: Any, figures: dict[str, Any], more: dict[str, Any]) -> None:
    page.provenance(typed_command(), dataset=config.dataset, **({"robot": config.robot} if config.robot else {}))
    page.write(run.folder / "report.html")
    run.write_metrics({"finished": True, **more, "replayed": figures})
    say(f"report: {run.folder / 'report.html'}")
    say(f"run: {run.folder}")
