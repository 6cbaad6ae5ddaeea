"""Simulated frames while a pretrained policy acts, to compare and mix with recordings."""

from pathlib import Path
from typing import Any

import numpy as np

from envs import BatchEnv, make_task
from envs.task import TaskSpec
from policies.policy import Policy
from sim2real.checkpoints import read_config
from sim2real.evaluation.offline import predict
from sim2real.progress import Progress, silent
from sim2real.recordings.interpretation import known_task
from sim2real.transfer.fitting.batches import Simulated
from sim2real.worlds import load_randomization, recipe_cameras

SIMULATED = 2400  # number of frames to compare and mix with recordings
WORLDS = 48
STEPS, APART = 200, 10  # worlds for many frames; maximum steps between kept frames, as neighbours are similar


def task_spec(name: str) -> TaskSpec | None:
    """Return the spec of a registered task; None for an unregistered one."""
    task = known_task(name)
    return None if task is None else task.spec


def mirror_signs(spec: TaskSpec | None, action_names: tuple[str, ...]) -> np.ndarray | None:
    """Return (A,) -1 for actions that change sign when mirrored, 1 for others; None if unknown."""
    if spec is None or not spec.mirrored:
        return None
    return np.array([-1.0 if name in spec.mirrored else 1.0 for name in action_names])


def simulated_frames(
    policy: Policy,
    count: int,
    checkpoint: Path | None = None,
    split: str = "train",
    seed: int = 0,
    progress: Progress = silent,
) -> Simulated:
    """Collect frames of the worlds that the policy was pretrained in, while it acts, with its actions.

    Args:
        checkpoint: the policy's folder, whose recipe has the randomization; None: the default randomization.

    Raises:
        InputError: its task is unknown, or the randomization in its recipe no longer exists.
    """
    policy = policy.unaligned()
    recipe: dict[str, Any] = read_config(checkpoint).get("recipe", {}) if checkpoint else {}
    preprocessing = policy.config.preprocessing
    env = BatchEnv(
        make_task(policy.config.task, split),
        WORLDS,
        randomization=load_randomization(policy.config.task, recipe.get("randomization", "default")),
        observations=("state", preprocessing.key),
        image_size=preprocessing.size,
        cameras=recipe_cameras(checkpoint),
    )
    kept: list[np.ndarray] = []
    states: list[np.ndarray] = []
    try:
        observation, _ = env.reset(seed=seed)
        rounds = -(-count // WORLDS)
        every = int(np.clip(STEPS // max(rounds, 1), 1, APART))
        steps = every * rounds
        for step in range(steps):
            if step % every == 0:
                kept.append(observation[preprocessing.key].copy())
                states.append(observation["state"].copy())
            observation, *_ = env.step(policy.act(observation))
            progress(step + 1, steps)
    finally:
        env.close()
    images = np.concatenate(kept)[:count]
    state = np.concatenate(states)[:count] if policy.config.heads.state else None
    return Simulated(images, predict(policy, images, state, clip=False), np.arange(len(images)) % WORLDS, state)
