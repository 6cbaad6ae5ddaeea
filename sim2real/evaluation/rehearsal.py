"""Let policies drive the rehearsal robot, in many worlds side by side."""

from collections.abc import Sequence

import numpy as np

from envs import BatchEnv, TaskSpec, make_task
from policies.policy import Policy
from sim2real.errors import InputError
from sim2real.evaluation.simulation import TEST_SEED, Episodes, run_episodes
from sim2real.progress import Progress, part_of, silent
from sim2real.rehearsal.robot import PRESET


def evaluate_on_rehearsal(
    policies: Sequence[Policy],
    episodes: int,
    first_seed: int = TEST_SEED,
    progress: Progress = silent,
    *,
    device: str = "cpu",
) -> list[Episodes]:
    """Drive policies on the rehearsal robot, on layouts that were never recorded; each meets the same episodes.

    They get what they would get of a real one: the camera's whole frame, which their own preprocessing crops and
    reduces.

    Args:
        progress: is called with (steps done, steps at most), of all policies together.
        device: where frames are rendered.

    Raises:
        InputError: no policy or no episode, policies of different tasks, a camera that the robot does not have, or no
            such device.
    """
    if episodes < 1:
        raise InputError(f"episodes must be at least 1, not {episodes}")
    tasks = sorted({policy.config.task for policy in policies})
    if len(tasks) != 1:
        raise InputError(f"policies of one task can be compared, not of: {', '.join(tasks) or 'none'}")
    keys = sorted({policy.config.preprocessing.key for policy in policies})
    task = make_task(tasks[0], "rehearsal")
    env = BatchEnv(
        *(task, episodes),
        randomization=PRESET,
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
    """By camera, (left, top, width, height) px of the part of its frames that any of the policies looks at."""
    corners: dict[str, np.ndarray] = {}
    for preprocessing in {policy.config.preprocessing for policy in policies}:
        if preprocessing.camera not in spec.cameras:
            continue  # the environment says which cameras there are
        window = np.array(preprocessing.window(*spec.cameras[preprocessing.camera].size))
        before = corners.get(preprocessing.camera, window)
        corners[preprocessing.camera] = np.r_[np.minimum(before[:2], window[:2]), np.maximum(before[2:], window[2:])]
    return {camera: (int(a), int(b), int(c - a), int(d - b)) for camera, (a, b, c, d) in corners.items()}
