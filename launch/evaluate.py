"""`sim2real evaluate`: measure how well a policy works."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from launch.console import print_rates, print_table, reporting, resumable, resume_command, say, typed_command
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.progress import no_stages

if TYPE_CHECKING:
    from sim2real.evaluation.account import RobotSession
    from sim2real.evaluation.results import CorrelationResult, DatasetEvaluation, Evaluation, TrackEvaluation


def command(
    config: Annotated[EvaluateConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    video: Path | None = None,
    seconds: float = 15.0,
    resume: bool = False,
    finish: bool = False,
) -> None:
    """Evaluate a policy in unseen worlds, on a rebuilt track, on the rehearsal robot or on hardware, with intervals.

    Two checkpoints run in the same episodes. Their paired difference is printed, with the number of further episodes
    that a significant result needs (adding episodes and testing again raises the false-positive rate above 5 %).
    With --dataset nothing moves: the policy's predictions are compared with the recorded actions. With --on track
    policies drive laps of a real track on the pixels of its log; a car that leaves the road is put back.

    On a robot every episode is saved as it ends, in the run's dataset `episodes`, which `replay` takes. Two policies
    drive in a random order that is told after the session. While an episode runs, s, f and a end it as success,
    failure or aborted; h or an arrow key takes control of a car, space gives it back to the policy. Episodes whose
    loop ran below 90 % of its rate do not count.

    Example: sim2real evaluate runs/policy runs/adapted --on rehearsal --episodes 40
    Example: sim2real evaluate runs/policy runs/adapted --on track --track tracks/track_2

    Args:
        config: what to evaluate, and where.
        video: film the first four worlds, or the first laps of a track, to this file; needs one checkpoint and --on
            sim or track.
        seconds: length of the film.
        resume: continue an interrupted session on a robot in the same order; its finished episodes count.
        finish: end the interrupted session of --out for good, without the robot: its results are told.
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from launch.keys import at_terminal, operating
    from sim2real.evaluation.evaluate import evaluate
    from sim2real.evaluation.results import CorrelationResult, DatasetEvaluation, Evaluation, TrackEvaluation

    _check_film(config, video, seconds)
    if config.in_real_time:
        with operating() as supervisor, ExitStack() as shown:
            # On a robot a progress bar would hide the questions.
            stages = no_stages if config.on == "robot" else shown.enter_context(reporting())
            result = evaluate(config, out, stages, supervisor, resume, finish)
    else:
        with reporting() as stages:
            result = evaluate(config, out, stages, at_terminal(), resume, finish)
    if isinstance(result, DatasetEvaluation):
        _say_agreement(result)
    elif isinstance(result, CorrelationResult):
        _say_correlation(result)
    elif isinstance(result, TrackEvaluation):
        _say_laps(result, video, seconds)
    else:
        _say_episodes(result)
        if video is not None:
            _film(result, video, seconds)
    say(f"run: {result.folder}")
    if isinstance(result, Evaluation) and result.interrupted:
        with resumable(resume_command(result.folder)):
            raise KeyboardInterrupt


def _check_film(config: EvaluateConfig, video: Path | None, seconds: float) -> None:
    """Raise InputError for settings with which no film can be made."""
    if not 0 < seconds < float("inf"):
        raise InputError(f"seconds must be positive, not {seconds}")
    if video is None:
        return
    from sim2real.reports.films.video import check_video

    check_video(video)
    if config.against is not None or config.on not in ("sim", "track") or config.dataset is not None:
        raise InputError("--video films one checkpoint with --on sim or --on track")


def _film(evaluation: "Evaluation", path: Path, seconds: float) -> None:
    from sim2real.reports.films.rollouts import film_evaluation

    with reporting() as stages:
        film_evaluation(evaluation, path, seconds, stages("film"))
    say(f"video: {path}")


def _say_episodes(evaluation: "Evaluation") -> None:
    from sim2real.reports.episodes import (
        aborted_line,
        difference_lines,
        invalid_line,
        loop_line,
        place_line,
        reason_lines,
        success_table,
    )

    if not evaluation.has_figures:
        say("not every policy has an episode: a person at a terminal must prepare them and report their outcomes")
        return
    if evaluation.blind:
        done, total = sum(len(each.seeds) for each in evaluation.episodes), 2 * evaluation.config.episodes
        say(f"{done} of {total} episodes done; which policy did what is told when all are")
        return
    where = f"{evaluation.task}: {evaluation.checkpoints[0]} on {place_line(evaluation.config)}"
    if len(evaluation.episodes) == 1:
        print_rates(where, evaluation.episodes[0].summary())
        only = evaluation.episodes[0]
        _say_each([aborted_line(only), *reason_lines(only), invalid_line(only)])
    else:
        count = len(evaluation.episodes[0].seeds)
        title = f"{evaluation.task} on {place_line(evaluation.config)}, the same {count} episodes"
        print_table(*success_table(evaluation.checkpoints, evaluation.episodes), title=title)
        pairs = list(zip(evaluation.checkpoints, evaluation.episodes, strict=True))
        for folder, each in pairs:
            name = f"{folder}: "
            _say_each([aborted_line(each, name), *reason_lines(each, name), invalid_line(each, name)])
    _say_each(difference_lines(evaluation))
    if evaluation.session is not None:
        _say_session(evaluation, evaluation.session)
    if evaluation.episodes[0].loops:
        for folder, episodes in zip(evaluation.checkpoints, evaluation.episodes, strict=True):
            say(f"loop of {folder}: {loop_line(episodes)}")
        saved = evaluation.folder / "episodes"
        say(f"saved: {saved}; look at one again with `sim2real replay {saved} --episode INDEX`")


def _say_session(evaluation: "Evaluation", session: "RobotSession") -> None:
    from sim2real.reports.pages.robot import write_robot_report
    from sim2real.reports.session_rows import verdict_line

    say(f"at every look: {verdict_line(session)}")
    for name, combined in zip(session.policies, map(session.suresim.get, range(len(session.policies))), strict=True):
        if combined is not None:
            say(f"{name}, with simulated twins on {evaluation.config.track}: {combined}")
    page = write_robot_report(session, evaluation.folder, typed_command(), evaluation.config.seed)
    say(f"report: {page}")


def _say_correlation(result: "CorrelationResult") -> None:
    from sim2real.reports.episodes import aborted_line
    from sim2real.reports.pages.correlation import (
        coefficient_table,
        rate_table,
        short_names,
        title_line,
        violation_line,
        write_correlation_report,
    )

    print_table(*rate_table(result), title=title_line(result))
    names = short_names(result.config.checkpoints)
    for side, each in result.episodes.items():
        _say_each([aborted_line(episodes, f"{name}, {side}: ") for name, episodes in zip(names, each, strict=True)])
    print_table(*coefficient_table(result))
    say(violation_line(result))
    say(f"report: {write_correlation_report(result, typed_command())}")


def _say_laps(result: "TrackEvaluation", video: Path | None, seconds: float) -> None:
    from sim2real.reports.films.laps import film_laps
    from sim2real.reports.pages.drawing import drawing_lines
    from sim2real.reports.pages.laps import (
        DIFFERENCE_HEADER,
        LAPS_HEADER,
        difference_rows,
        lap_lines,
        lap_rows,
        write_laps_report,
    )

    _say_each(lap_lines(result))
    print_table(LAPS_HEADER, lap_rows(result))
    if result.differences:
        print_table(DIFFERENCE_HEADER, difference_rows(result))
    _say_each(drawing_lines(result))
    say(f"{result.frames_per_second:.0f} frames/s of processor time, rendering and policy together")
    if video is not None:
        with reporting() as stages:
            film_laps(result, video, seconds, stages("film"))
        say(f"video: {video}")
    say(f"report: {write_laps_report(result, typed_command())}")


def _say_agreement(evaluation: "DatasetEvaluation") -> None:
    from sim2real.reports.lines import episode_table, gain_line, interval_line, saturation_line
    from sim2real.reports.pages.agreement import comparison_table, longest_line, recording_lines, write_agreement_report

    frames, main = evaluation.frames, evaluation.comparisons[0]
    say(f"{evaluation.checkpoint} on {evaluation.config.dataset}")
    _say_each(recording_lines(frames))
    for comparison in evaluation.comparisons:
        print_table(*comparison_table(comparison))
        if len(comparison.columns) == 1:
            say(gain_line(comparison.gain, comparison.offset))
    say(interval_line(main.units))
    print_table(*episode_table(main.per_episode), title=f"\n{main.action}: {longest_line(frames)}")
    _say_each([saturation_line(evaluation.saturation, len(frames))])
    say(f"report: {write_agreement_report(evaluation, typed_command())}")


def _say_each(lines: Sequence[str]) -> None:
    for line in lines:
        if line:
            say(line)
