"""A session on a robot: policies drive in a real-time control loop, every episode is saved as it ends."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from envs import make_task
from policies.policy import Policy
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.evaluation.camera_check import check_camera
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.robot import evaluate_on_robot, open_venue
from sim2real.evaluation.simulation import Episodes
from sim2real.evaluation.sittings import Sitting, noted, sittings_of
from sim2real.evaluation.trials import FILE, Session, Trial, episodes_of
from sim2real.progress import Progress
from sim2real.recordings.recorder import EpisodeRecorder
from sim2real.rehearsal.operators import words_for
from sim2real.robots.hardware import Hardware
from sim2real.robots.operated import OperatedVenue
from sim2real.robots.supervisor import Supervisor
from sim2real.runs import Run, start_run

EPISODES = "episodes"  # folder of the saved episodes in the run's folder
Keep = Callable[[Run, list[Episodes]], None]


@dataclass(frozen=True)
class Held:
    """A session that ended.

    Attributes:
        run: its run.
        config: its settings.
        episodes: of each policy.
        interrupted: whether Ctrl-C ended it early.
        weights: SHA-256 of each policy's weights, in hex.
        rate: control rate [Hz].
        sittings: what was noted of the camera at each start.
        by_person: whether a person prepares and judges episodes.
    """

    run: Run
    config: EvaluateConfig
    episodes: list[Episodes]
    interrupted: bool
    weights: tuple[str, ...]
    rate: float
    sittings: tuple[Sitting, ...]
    by_person: bool


def hold_session(
    config: EvaluateConfig,
    policies: Sequence[Policy],
    folders: Sequence[Path],
    out: Path | None,
    progress: Progress,
    supervisor: Supervisor,
    keep: Keep,
    resume: bool,
) -> Held:
    """Run policies in a real-time control loop.

    Each episode is saved in the run's dataset `episodes` with its outcome: label, reason, checkpoint and its SHA-256,
    seed, and figures of the loop. The order of the policies is drawn before the first one and written to
    `session.json`; the person at the robot is not told it.

    Args:
        folders: folders of the policies.
        progress: called with (episodes done, total episodes).
        keep: called after every episode with the results so far, per policy.
        resume: continue an interrupted session in the same order; its finished episodes count.

    Raises:
        InputError: as `open_venue` and `check_camera`, or resumed with other settings or weights.
        OSError: the robot does not answer, or the disk is full; finished episodes are kept.
    """
    venue = open_venue(config, policies, supervisor)
    try:
        run, saved = start_run("evaluate", config, out, resume=resume)
        _check_same(config, saved, run)
        session = _session(config, folders, run)
        done = finished_trials(run.folder / EPISODES)
        by_person = isinstance(venue, OperatedVenue)
        drift = None
        if by_person:
            drift = check_camera(config, policies[0].config, venue.robot, run.folder, supervisor)
        if len(policies) > 1 and by_person:
            supervisor.announce("the policies drive in a random order, which is told after the session")
        with EpisodeRecorder(run.folder / EPISODES, venue.boundary, venue.robot.control_dt, resume=resume) as recorder:
            trials, interrupted = evaluate_on_robot(
                *(venue, policies, session.order, progress),
                lambda so_far: keep(run, _per_policy(so_far, policies)),
                done=done,
                log=recorder.note,
                save=_saving(recorder, session, config, policies[0].config.task),
            )
            sittings = noted(run.folder, drift, config.accept_drift, str(getattr(venue.robot, "exposure", "")))
    finally:  # an error in closing must not hide the results
        supervisor.let_go(venue.robot, config.on == "robot" and config.hardware.goes_limp)
    known = session.weights, 1 / venue.robot.control_dt, sittings, by_person
    return Held(run, config, _per_policy(trials, policies), interrupted, *known)


def finished_session(config: EvaluateConfig, policies: Sequence[Policy], folders: Sequence[Path], out: Path) -> Held:
    """Return an interrupted session as it is, for good, without the robot.

    Raises:
        InputError: there is none, or it has other settings or weights.
    """
    run, saved = start_run("evaluate", config, out, resume=True)
    _check_same(config, saved, run)
    session = Session.read(run.folder).resumed_with(folders)
    trials, rate = finished_trials(run.folder / EPISODES), 1 / make_task(policies[0].config.task).spec.control_dt
    known = session.weights, rate, sittings_of(run.folder), config.on == "robot"
    return Held(run, config, _per_policy(trials, policies), False, *known)


def finished_trials(folder: Path) -> list[Trial]:
    """Return the trials that a session's dataset holds, without interrupted ones; empty without a dataset.

    Raises:
        DatasetError: the dataset is damaged, or holds other episodes.
    """
    if not (folder / "meta/info.json").is_file():
        return []
    outcomes = EpisodeDataset(folder).outcomes
    try:
        trials = [Trial.of_outcome(outcome or {}, k) for k, outcome in enumerate(outcomes)]
    except KeyError as missing:
        raise InputError(f"{folder} does not hold a session's episodes: an outcome lacks {missing}") from None
    return [trial for trial in trials if not trial.interrupted]


def _check_same(config: EvaluateConfig, saved: EvaluateConfig, run: Run) -> None:
    """Raise InputError unless a resumed session has its settings; a robot may have another port now."""
    may_differ = {"hardware": Hardware(), "accept_drift": False, "track": None}
    if replace(saved, **may_differ) != replace(config, **may_differ):
        raise InputError(f"the session in {run.folder} has other settings: resume it with the same command")


def _session(config: EvaluateConfig, folders: Sequence[Path], run: Run) -> Session:
    """Return the session of a run; a new one is drawn and written first."""
    if run.resumed and (run.folder / FILE).is_file():  # else it was killed before its first episode
        return Session.read(run.folder).resumed_with(folders)
    session = Session.draw(folders, config.seed, config.episodes, _source(config))
    session.write(run.folder)
    return session


def _source(config: EvaluateConfig) -> np.random.Generator | None:
    """Return where the order comes from: with nobody to be blind it can be repeated."""
    return None if config.on == "robot" else np.random.default_rng(config.seed)


def _saving(
    recorder: EpisodeRecorder, session: Session, config: EvaluateConfig, task: str
) -> Callable[[Trial], int | None]:
    """Return what saves a trial's episode: on a robot all of a sitting depend on its light and place."""
    sitting = f"robot {time.strftime('%Y-%m-%d %H:%M:%S')}" if config.on == "robot" else None
    return lambda trial: recorder.save(words_for(task), sitting or f"rehearsal {trial.seed}", trial.outcome(session))


def _per_policy(trials: Sequence[Trial], policies: Sequence[Policy]) -> list[Episodes]:
    return [episodes_of(trials, k) for k in range(len(policies))]
