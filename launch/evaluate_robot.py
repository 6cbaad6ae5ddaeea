"""`sim2real evaluate CHECKPOINT --on robot`, or `--on rehearsal --real-time`: episodes in a loop that keeps time."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from envs import make_task
from launch.conclude import conclude
from launch.console import reporting, say
from launch.keys import let_go
from policies import Policy
from sim2real.errors import InputError
from sim2real.evaluation.robot import RehearsalVenue, Venue, evaluate_on_robot
from sim2real.evaluation.simulation import Episodes
from sim2real.progress import Progress, silent
from sim2real.rehearsal.robot import boundary_of, home_of
from sim2real.robots.hardware import OperatedVenue, open_robot
from sim2real.runs import start_run

if TYPE_CHECKING:
    from launch.evaluate import EvaluateConfig


def evaluate_robot(
    config: "EvaluateConfig", policies: Sequence[Policy], folders: Sequence[Path], out: Path | None
) -> None:
    """Let policies move a robot, and write what became of every episode; after Ctrl-C too.

    Raises:
        InputError: no robot, one that may not move, or that does not fit the policies.
        KeyboardInterrupt: after everything until then was written.
    """
    venue = _venue(config, policies, folders)
    try:
        run, config = start_run("evaluate", config, out, resume=False)
        with nullcontext(_silent) if config.on == "robot" else reporting() as stage:  # a bar would hide the questions
            report = stage("evaluate")
            found, interrupted = evaluate_on_robot(
                *(venue, policies, config.episodes, config.seed, report),
                lambda found: run.write_metrics(_so_far(config, found)),
            )
    finally:  # an error of closing must not hide what was judged
        let_go(venue.robot, holds=config.on == "robot")
    if all(len(episodes.seeds) for episodes in found):
        conclude(run, config, policies, folders, found, finished=not interrupted)
        for folder, episodes in zip(folders, found, strict=True):
            say(f"loop of {folder}: {loop_line(episodes)}")
    else:
        say("no episode of every policy was run: at a terminal, somebody must set them up and say how they went")
        run.write_metrics(_so_far(config, found))
    say(f"run: {run.folder}")
    if interrupted:
        raise KeyboardInterrupt


def _so_far(config: "EvaluateConfig", found: Sequence[Episodes]) -> dict[str, Any]:
    against = {"against": {"episodes": found[1].rows()}} if len(found) > 1 else {}
    return {"finished": False, "on": config.on, "episodes": found[0].rows(), **against}


def _venue(config: "EvaluateConfig", policies: Sequence[Policy], folders: Sequence[Path]) -> Venue:
    task, cameras = policies[0].config.task, sorted({policy.config.preprocessing.camera for policy in policies})
    if config.on == "rehearsal":
        return RehearsalVenue(task, cameras, real_time=config.real_time, device=config.device)
    config.hardware.check()
    if len(cameras) > 1:
        raise InputError(f"the policies look through different cameras ({', '.join(cameras)}): evaluate one at a time")
    built = make_task(task, "rehearsal")
    boundary, spec = boundary_of(built), built.spec
    robot = open_robot(config.hardware, boundary, spec.control_dt, cameras[0])
    steps = round(spec.episode_seconds / spec.control_dt)
    names, home = [str(folder) for folder in folders], home_of(built)
    if home is not None:
        say("before every episode the robot goes to its home pose, slowly")
    return OperatedVenue(robot, boundary, steps, names, lambda text: input(text), home)


def _silent(name: str) -> Progress:
    return silent


def loop_line(episodes: Episodes) -> str:
    """Rate, latency, dropped frames over all episodes."""
    loops: Sequence[dict[str, Any]] = episodes.loops
    rates = [loop["loop_rate_hz"] for loop in loops if loop["loop_rate_hz"]]
    medians = [loop["latency_ms"]["median"] for loop in loops if loop["latency_ms"]]
    largest = [loop["latency_ms"]["largest"] for loop in loops if loop["latency_ms"]]
    if not rates:
        return "no two steps in any episode"
    steps, dropped = (sum(loop[name] for loop in loops) for name in ("steps", "dropped_frames"))
    limited = sum(loop["limited_commands"] for loop in loops)
    return (
        f"{np.mean(rates):.1f} Hz, latency {np.median(medians):.1f} ms (at most {max(largest):.0f} ms),"
        f" {dropped} of {steps} frames dropped or late, {limited} commands limited"
    )
