"""`sim2real record --on sim`: simulated episodes that can be lived through again bit for bit."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from launch.console import reporting, say
from sim2real.errors import InputError
from sim2real.recordings.simulation import SEED, Act, SimulatedRecording, record_in_simulation
from sim2real.statistics.rates import Rate


def record_sim(
    dest: Path,
    task: str,
    episodes: int,
    seed: int | None = None,
    teacher: Path | None = None,
    checkpoint: Path | None = None,
    randomization: str = "none",
    images: bool = True,
) -> None:
    """Record a task in simulation: a teacher acts, or a policy, or random actions where neither is given.

    Args:
        dest: the new dataset; it must not exist.
        seed: of the first episode; None: one that nothing was trained or tested with.
        teacher: a `train` run, or a `pretrain` run that trained a teacher of its own.
        checkpoint: a policy's folder, or the run that made it.
        randomization: a preset of the task, or a TOML file.
        images: keep the frames of the task's camera.

    Raises:
        InputError: both a teacher and a policy, one that is not of this task, or no such task or preset.
    """
    from sim2real.worlds import load_randomization

    act, keys, by = _who(task, teacher, checkpoint)
    varied = load_randomization(task, randomization)
    first = SEED if seed is None else seed
    recording = SimulatedRecording(task, episodes, first, randomization=varied, images=images, by=by)
    with reporting() as stage:
        report = stage("record")
        origin, lengths = record_in_simulation(dest, recording, act, keys, report)
    say(f"{len(lengths)} episodes, {sum(lengths)} frames: {min(lengths)} to {max(lengths)} frames an episode")
    say(f"success of {by}: {Rate.of(sum(origin.success), len(origin.success))}")
    say(f"dataset: {dest}; live through it again with: sim2real replay {dest} --on sim")


def _who(task: str, teacher: Path | None, checkpoint: Path | None) -> tuple[Act | None, tuple[str, ...], str]:
    """Who acts, what he looks at, and who that is in words."""
    if teacher is not None and checkpoint is not None:
        raise InputError("either a teacher acts or a policy: give --teacher or --checkpoint")
    if teacher is not None:
        from sim2real.training.teacher import load_teacher

        model = load_teacher(teacher, task)

        def taught(observation: Mapping[str, np.ndarray]) -> np.ndarray:
            return model(observation["privileged"])

        return taught, ("privileged",), f"the teacher {teacher}"
    if checkpoint is not None:
        from sim2real.checkpoints import load_policy

        policy = load_policy(checkpoint)
        if policy.config.task != task:
            raise InputError(f"{checkpoint} was made for {policy.config.task or 'no task'}, not for {task}")
        return policy.act, ("state", policy.config.preprocessing.key), f"the policy {checkpoint}"
    return None, (), "random actions"
