"""Evaluate policies: in simulation, on the rehearsal robot, on hardware, on a rebuilt track, or on recordings."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from envs import make_task, pinned
from envs.renderer import available_device
from envs.task import Task
from policies.policy import Policy
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.errors import InputError
from sim2real.evaluation.account import RobotSession, session_of
from sim2real.evaluation.combined import combined_with_twins
from sim2real.evaluation.config import BOTH, EvaluateConfig
from sim2real.evaluation.correlate import correlate
from sim2real.evaluation.dataset import evaluate_on_dataset
from sim2real.evaluation.results import CorrelationResult, DatasetEvaluation, Evaluation, TrackEvaluation
from sim2real.evaluation.session import EPISODES, Held, finished_session, hold_session
from sim2real.evaluation.side_by_side import act_side_by_side
from sim2real.evaluation.simulation import Episodes, paired_difference
from sim2real.evaluation.sittings import worst
from sim2real.evaluation.track import evaluate_on_track
from sim2real.progress import Stages, no_stages
from sim2real.recordings.interpretation import known_task
from sim2real.robots.supervisor import Supervisor
from sim2real.runs import Run, start_run
from sim2real.statistics.settling import settle
from sim2real.statistics.suresim import SureSim
from sim2real.tracks.driving.loop import draw_episodes
from sim2real.tracks.driving.policy_driver import check_drives
from sim2real.tracks.rebuilt import RebuiltTrack, read_track
from sim2real.worlds import check_worlds


def evaluate(
    config: EvaluateConfig,
    out: Path | None = None,
    stages: Stages = no_stages,
    supervisor: Supervisor = Supervisor(),
    resume: bool = False,
    finish: bool = False,
) -> Evaluation | CorrelationResult | DatasetEvaluation | TrackEvaluation:
    """Run policies in unseen episodes, or compare one with recordings; write the figures to the run's folder.

    Args:
        config: what to evaluate, and where.
        out: folder of the run; None: a new one under `runs/`.
        stages: progress: "evaluate" of episodes; "sim" and "rehearsal" with `on="both"`; "drive NAME" on a
            track; "read" and "predict" with a dataset.
        supervisor: the person beside a robot, who prepares episodes and reports their outcome.
        resume: continue an interrupted session on a robot, or on the rehearsal robot with `real_time`.
        finish: instead end it for good with the episodes that it has, in `out`; nothing moves.

    Returns:
        A `DatasetEvaluation` with `config.dataset`, a `CorrelationResult` with `config.on == "both"`, a
        `TrackEvaluation` with "track", else an `Evaluation`.

    Raises:
        InputError: no such checkpoint, dataset or robot, settings that do not fit the policies, or a folder in use;
            nothing is written.
    """
    if finish and out is None:
        raise InputError("--finish ends the session of a run: name its folder with --out")
    if (resume or finish) and not config.in_real_time:
        raise InputError("--resume continues a session on a robot: --on robot, or --on rehearsal --real-time")
    folders = tuple(policy_folder(path) for path in config.checkpoints)
    policies = [load_policy(folder) for folder in folders]
    if config.dataset is not None:
        return evaluate_on_dataset(config, policies[0], folders[0], out, stages)
    if config.on == "track":
        return evaluate_on_track(config, policies, folders, out, stages)
    if config.world is not None:
        config = replace(config, world=pinned(config.world))
    _check(config, policies, folders)
    if config.on == BOTH:
        return correlate(config, policies, folders, out, stages)
    if config.in_real_time:
        track = _track(config, policies, folders)
        if finish and out is not None:
            held = finished_session(config, policies, folders, out)
        else:
            held = hold_session(
                *(config, policies, folders, out, stages("evaluate"), supervisor),
                lambda run, so_far: run.write_metrics(_unfinished(config, so_far)),
                resume,
            )
        session = _account(held, policies, folders, track, stages)
        return _conclude(held.run, held.config, policies, folders, held.episodes, held.interrupted, session)
    run, config = start_run("evaluate", config, out, resume=False)
    episodes = act_side_by_side(config, policies, folders, stages("evaluate"))
    return _conclude(run, config, policies, folders, episodes)


def _track(config: EvaluateConfig, policies: Sequence[Policy], folders: Sequence[Path]) -> RebuiltTrack | None:
    """Return the track of the trials' twins; raises InputError if the policies do not drive there."""
    if config.track is None:
        return None
    track = read_track(config.track)
    for policy, folder in zip(policies, folders, strict=True):
        check_drives(policy, folder, track)
    draw_episodes(track, 1, config.seed)  # raises an error before anything moves
    return track


def _account(
    held: Held, policies: Sequence[Policy], folders: Sequence[Path], track: RebuiltTrack | None, stages: Stages
) -> RobotSession:
    """Return what a session shows; its trials are driven again on the track only once it is finished."""
    config = held.config
    combined = {} if track is None or held.interrupted else _combined(held, policies, track, stages)
    drift = worst(held.sittings)
    return session_of(
        *(config, policies[0].config.task, folders, held.episodes, held.weights, held.rate),
        by_person=held.by_person,
        drift=drift,
        accepted_drift=any(each.accepted for each in held.sittings),
        exposure="; ".join(dict.fromkeys(each.exposure for each in held.sittings if each.exposure)),
        suresim=combined,
    )


def _combined(held: Held, policies: Sequence[Policy], track: RebuiltTrack, stages: Stages) -> dict[int, SureSim]:
    """Return the rates combined with simulated twins; none, with a note, where that fails."""
    saved = held.run.folder / EPISODES
    try:
        return combined_with_twins(track, policies, held.episodes, saved, held.config.seed, stages)
    except (InputError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted"
        warnings.warn(f"no simulated twins ({why}): the same command with --finish tries again", stacklevel=1)
        return {}


def _check(config: EvaluateConfig, policies: Sequence[Policy], folders: Sequence[Path]) -> None:
    """Raise InputError for an unavailable device, or a randomization or task that does not fit."""
    available_device(config.device)
    for folder, policy in zip(folders, policies, strict=True):
        world = config.world_of(policy.config.task)
        check_worlds(world, config.randomization)
        if config.world is not None:
            _check_fits(make_task(world), policy, folder)
        if config.layout is not None:
            make_task(policy.config.task, "rehearsal", layout=config.layout)
    for folder, policy in zip(folders, policies, strict=True):
        if config.world is None and policy.config.task != policies[0].config.task:
            raise InputError(f"{folder} was made for {policy.config.task}, not for {policies[0].config.task}")


def _check_fits(task: Task, policy: Policy, folder: Path) -> None:
    """Raise InputError for a policy that cannot act in the worlds of a task, or whose actions mean something else."""
    made, spec = policy.config, task.spec
    known = known_task(made.task)
    modes = [getattr(getattr(each, "control", None), "mode", None) for each in (task, known or task)]
    states = known is None or known.spec.state_names == spec.state_names
    named = made.action_names == spec.action_names and made.preprocessing.camera in spec.cameras
    if not named or not states or modes[0] != modes[1]:
        raise InputError(f"{folder} was made for {made.task}: it cannot act in {spec.name}")


def _conclude(
    run: Run,
    config: EvaluateConfig,
    policies: Sequence[Policy],
    folders: tuple[Path, ...],
    episodes: Sequence[Episodes],
    interrupted: bool = False,
    session: RobotSession | None = None,
) -> Evaluation:
    """Write the figures of one or two policies to the run's `metrics.json`, and return them."""
    difference = plan = None
    if not all(len(each.seeds) for each in episodes):
        run.write_metrics(_unfinished(config, episodes))
    else:
        metrics: dict[str, Any] = {"finished": not interrupted, "on": config.on, "robot": config.hardware.robot}
        metrics |= {"preset": config.preset, "layout": config.layout} if config.on == "rehearsal" else {}
        metrics |= _figures(episodes[0])
        if len(episodes) > 1:
            metrics["against"] = _figures(episodes[1])
            difference = paired_difference(episodes[0], episodes[1])
        if difference is not None:
            plan = settle(difference)
            metrics |= {"difference": difference.to_dict(), "settling": plan.to_dict()}
        run.write_metrics(metrics if session is None else {**metrics, **session.metrics()})
    task = config.world_of(policies[0].config.task)
    parts = folders, tuple(episodes), difference, plan, interrupted, session
    return Evaluation(run.folder, run.metrics, config, task, *parts)


def _figures(episodes: Episodes) -> dict[str, Any]:
    return {**episodes.summary(), "episodes": episodes.rows()}


def _unfinished(config: EvaluateConfig, episodes: Sequence[Episodes]) -> dict[str, Any]:
    """Return the metrics of an unfinished run, or of one in which a policy has no episode."""
    against = {"against": {"episodes": episodes[1].rows()}} if len(episodes) > 1 else {}
    return {"finished": False, "on": config.on, "episodes": episodes[0].rows(), **against}
