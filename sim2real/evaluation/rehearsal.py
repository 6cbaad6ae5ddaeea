"""Evaluation of policies on the rehearsal robot, in parallel worlds."""

from collections.abc import Sequence

import numpy as np

from envs import BatchEnv, TaskSpec, make_task
from policies.policy import Policy
from sim2real.errors import InputError
from sim2real.evaluation.simulation import TEST_SEED, Episodes, run_episodes
from sim2real.progress import Progress, part_of, silent
from sim2real.rehearsal.preset import PRESET


def evaluate_on_rehearsal(
    policies: Sequence[Policy],
    episodes: int,
    first_seed: int = TEST_SEED,
    progress: Progress = silent,
    *,
    preset: str = PRESET,
    layout: int | None = None,
    device: str = "cpu",
) -> list[Episodes]:
    """Run policies on the rehearsal robot in the same episodes, by default on layouts that are never recorded.

    They get the camera's full frame, as from a real robot, which their own preprocessing crops and resizes.

    Args:
        progress: called with (steps done, maximum number of steps), over all policies.
        preset: the task's randomization that makes the robot.
        layout: number of the one world of all episodes, the same as of a recording; None: each draws its own.
        device: device that renders frames.

    Raises:
        InputError: no policy or no episode, policies of different tasks, a missing camera or device.
    """
    if episodes < 1:
        raise InputError(f"episodes must be at least 1, not {episodes}")
    tasks = sorted({policy.config.task for policy in policies})
    if len(tasks) != 1:
        raise InputError(f"policies of one task can be compared, not of: {', '.join(tasks) or 'none'}")
    keys = sorted({policy.config.preprocessing.key for policy in policies})
    task = make_task(tasks[0], "rehearsal", layout=layout)
    env = BatchEnv(
        *(task, episodes),
        randomization=preset,
        observations=("state", *keys),
        device=device,
        windows=_looked_at(task.spec, policies),
        once=True,
    )
    results = []
    try:
        for k, policy in enumerate(policies):
            results.append(run_episodes(env, policy.act, first_seed, part_of(progress, k, len(policies))))
    finally:
        env.close()
    return results


def _looked_at(spec: TaskSpec, policies: Sequence[Policy]) -> dict[str, tuple[int, int, int, int]]:
    """Return by camera (left, top, width, height) px of the part of its frames that any of the policies uses."""
    corners: dict[str, np.ndarray] = {}
    for preprocessing in {policy.config.preprocessing for policy in policies}:
        if preprocessing.camera not in spec.cameras:
            continue  # the environment raises an error that lists the cameras
        window = np.array(preprocessing.window(*spec.cameras[preprocessing.camera].size))
        before = corners.get(preprocessing.camera, window)
        corners[preprocessing.camera] = np.r_[np.minimum(before[:2], window[:2]), np.maximum(before[2:], window[2:])]
    return {camera: (int(a), int(b), int(c - a), int(d - b)) for camera, (a, b, c, d) in corners.items()}
