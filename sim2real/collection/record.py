"""Record episodes: on the rehearsal robot, or in simulation."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from envs import pinned
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.collection.config import RecordConfig, RecordResult
from sim2real.collection.rehearsal import record_on_rehearsal
from sim2real.collection.robot import record_on_robot
from sim2real.collection.simulation import Act, SimulatedRecording, record_in_simulation
from sim2real.errors import InputError
from sim2real.progress import Progress, Stages, no_stages
from sim2real.robots.supervisor import Supervisor
from sim2real.training.teacher import load_teacher
from sim2real.worlds import load_randomization


def record(
    config: RecordConfig,
    destination: Path | str,
    stages: Stages = no_stages,
    supervisor: Supervisor = Supervisor(),  # frozen
) -> RecordResult:
    """Record episodes of the rehearsal robot, of simulation or of hardware as a LeRobot v3.0 dataset.

    Args:
        destination: folder of the new dataset; it must not exist. An interruption leaves nothing behind, but on
            hardware all finished episodes.
        stages: progress: "record", in frames; on hardware in episodes.
        supervisor: the person who moves hardware.

    Raises:
        InputError: an unknown task or preset, no operator for the task or one that fails too often, a teacher or a
            policy of another task, or a destination that exists.
        OSError: the disk is full, with nothing left behind but episodes of hardware; or hardware does not answer.
    """
    destination, config = Path(destination), replace(config, task=pinned(config.task))
    if config.on == "robot":
        return record_on_robot(destination, config, supervisor, stages("record"))
    if config.on == "sim":
        return _in_simulation(config, destination, stages("record"))
    teacher = None if config.teacher is None else load_teacher(config.teacher, config.task)
    return record_on_rehearsal(destination, config, stages("record"), teacher=teacher)


def _in_simulation(config: RecordConfig, destination: Path, progress: Progress) -> RecordResult:
    act, observations, by = _actor(config)
    settings = SimulatedRecording(
        *(config.task, config.episodes, config.first_seed),
        randomization=load_randomization(config.task, config.randomization),
        by=by,
    )
    origin, lengths = record_in_simulation(destination, settings, act, observations, progress)
    return RecordResult(destination, tuple(lengths), len(lengths), sum(origin.success), True, by)


def _actor(config: RecordConfig) -> tuple[Act | None, tuple[str, ...], str]:
    """Return the actor in simulation, the observations it needs, and its name."""
    if config.teacher is not None:
        teacher = load_teacher(config.teacher, config.task)

        def act(observation: Mapping[str, np.ndarray]) -> np.ndarray:
            return teacher(observation["privileged"])

        return act, ("privileged",), f"the teacher {config.teacher}"
    if config.checkpoint is not None:
        policy = load_policy(policy_folder(config.checkpoint))
        if policy.config.task != config.task:
            made_for = policy.config.task or "no task"
            raise InputError(f"{config.checkpoint} was made for {made_for}, not for {config.task}")
        return policy.act, ("state", policy.config.preprocessing.key), f"the policy {config.checkpoint}"
    return None, (), "random actions"
