"""Closed loop: how well a network steers in validation worlds."""

from typing import Any

import numpy as np

from envs import BatchEnv, LaneFollow, make_task
from policies.policy import Policy
from sim2real.evaluation.simulation import run_episodes
from sim2real.progress import Progress, silent
from sim2real.seeds import VALIDATION


def drive(policy: Policy, episodes: int, seed: int, progress: Progress = silent) -> dict[str, Any]:
    """Drive validation episodes of LaneFollow; those of one seed are the same for all policies, of others are others.

    Returns:
        Per episode "success" (0 or 1) and "offset", the mean distance from the centre line in half road widths.
    """
    key = policy.config.preprocessing.key
    task = make_task("LaneFollow", "validation")
    assert isinstance(task, LaneFollow)
    env = BatchEnv(task, episodes, randomization="default", observations=("state", key), threads=1, once=True)
    distance: list[np.ndarray] = []

    def act(observation: dict[str, np.ndarray]) -> np.ndarray:
        distance.append(2 * np.abs(task.offset) / task.config.track.road_width)
        return policy.act(observation)

    try:
        driven = run_episodes(env, act, VALIDATION.start + seed * episodes, progress)
    finally:
        env.close()
    rows = np.array(distance)
    offset = [float(rows[:steps, k].mean()) for k, steps in enumerate(driven.steps)]
    return {"success": driven.success.astype(int).tolist(), "offset": offset}
