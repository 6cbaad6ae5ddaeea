"""Recording a robot that a person moves with the keyboard."""

import time
from pathlib import Path

import numpy as np

from envs import make_task
from sim2real.collection.config import RecordConfig, RecordResult
from sim2real.datasets import EpisodeDataset
from sim2real.progress import Progress, silent
from sim2real.recordings.recorder import EpisodeRecorder
from sim2real.rehearsal.operators import words_for
from sim2real.rehearsal.robot import boundary_of, guarded, home_of
from sim2real.robots.hardware import open_robot
from sim2real.robots.keyboard import key_lines
from sim2real.robots.loop import FAILURE, SUCCESS, run_episode
from sim2real.robots.operated import OperatedVenue
from sim2real.robots.supervisor import Supervisor


def record_on_robot(
    destination: Path, config: RecordConfig, supervisor: Supervisor, progress: Progress = silent
) -> RecordResult:
    """Record episodes that a person commands by keys, each on disk as it ends.

    The dataset is that of `EpisodeRecorder`, so that all its frames are the person's. Episodes that the person calls
    aborted, or without `config.keep_failed` a failure, are discarded, as are those that a fault of the robot ended.
    All episodes of a call are one session.

    Args:
        progress: called with (episodes kept, wanted number).

    Raises:
        InputError: no such task or robot, missing settings, or the destination exists without `config.resume`.
        OSError: the robot does not answer, or the disk is full; finished episodes are kept.
    """
    config.hardware.check()
    task = make_task(config.task, "recording")
    boundary, dt = guarded(boundary_of(task), task), task.spec.control_dt
    with EpisodeRecorder(destination, boundary, dt, resume=config.resume) as recorder:
        robot = open_robot(config.hardware, boundary, dt, next(iter(task.spec.cameras)))
        try:
            for line in key_lines(boundary, always=True):
                supervisor.announce(line)
            steps, home = round(config.longest / dt), home_of(task)
            venue = OperatedVenue(robot, boundary, steps, supervisor.ask, home, supervisor.pressed, always=True)
            tried, successes, interrupted = _record(venue, recorder, config, supervisor, progress)
        finally:
            supervisor.let_go(robot, config.hardware.goes_limp)
    lengths = tuple(EpisodeDataset(destination).lengths.tolist()) if recorder.saved else ()
    return RecordResult(destination, lengths, tried, successes, False, "you", interrupted)


def _record(
    venue: OperatedVenue, recorder: EpisodeRecorder, config: RecordConfig, supervisor: Supervisor, progress: Progress
) -> tuple[int, int, bool]:
    """Record until there are enough episodes; returns the tried ones, successes, and whether Ctrl-C ended it."""
    session = f"robot {time.strftime('%Y-%m-%d %H:%M:%S')}"
    kinds, tried, successes = {SUCCESS, FAILURE} if config.keep_failed else {SUCCESS}, 0, 0
    while recorder.saved < config.episodes:
        try:
            venue.prepare(recorder.saved, again=False)
        except (KeyboardInterrupt, EOFError):
            return tried, successes, True
        trace = run_episode(venue.robot, _nobody, venue.boundary, venue.steps, venue.outcome, recorder.note, venue.hand)
        tried, successes = tried + 1, successes + (trace.label == SUCCESS)
        if trace.label in kinds and trace.times:
            recorder.save(words_for(config.task), session, {"label": trace.label, "loop": trace.summary()})
            progress(recorder.saved, config.episodes)
        else:
            recorder.discard()
            supervisor.announce(f"not kept: {trace.reason or trace.label}")
        if trace.interrupted:
            return tried, successes, True
    return tried, successes, False


def _nobody(observation: dict[str, np.ndarray]) -> np.ndarray:
    raise RuntimeError("no policy acts in a recording by hand")
