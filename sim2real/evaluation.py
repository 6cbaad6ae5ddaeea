"""How a policy fares in worlds that it was never trained in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs import BatchEnv, Camera, Randomization, make_task
from sim2real.statistics import Rate

TEST_SEED = 10_000_000  # first seed of test episodes: training draws from the seeds below


@dataclass(frozen=True)
class Episodes:
    """What became of n episodes, in the order of their seeds.

    Attributes:
        seeds: (n,).
        success: (n,) bool.
        failed: (n,) bool, ended early by the task (left the lane, ...).
        steps: (n,) control steps.
        returns: (n,) sums of reward.
    """

    seeds: np.ndarray
    success: np.ndarray
    failed: np.ndarray
    steps: np.ndarray
    returns: np.ndarray

    def summary(self) -> dict[str, Any]:
        """Rates with intervals, and means."""
        n = len(self.seeds)
        return {
            "success": Rate.of(int(self.success.sum()), n).to_dict(),
            "without_failure": Rate.of(int((~self.failed).sum()), n).to_dict(),
            "mean_return": float(self.returns.mean()),
            "mean_steps": float(self.steps.mean()),
            "first_seed": int(self.seeds[0]),
        }


def run_episodes(
    env: BatchEnv,
    act: Callable[[dict[str, np.ndarray]], np.ndarray],
    first_seed: int = TEST_SEED,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Episodes:
    """Drive one episode in every world of env, world i with seed first_seed + i.

    Args:
        act: observations of all worlds -> actions (n, A).
        progress: called with (steps done, steps at most).
    """
    n = env.num_envs
    limit = round(env.task.spec.episode_seconds / env.task.spec.control_dt)
    observation, _ = env.reset(seed=first_seed)
    going = np.ones(n, bool)
    success, failed = np.zeros(n, bool), np.zeros(n, bool)
    steps, returns = np.zeros(n, int), np.zeros(n)
    for step in range(limit):
        observation, reward, terminated, truncated, info = env.step(act(observation))
        returns[going] += reward[going]
        steps[going] += 1
        ended = going & (terminated | truncated)
        if ended.any():
            success[ended] = info["final_info"]["success"][ended]
            failed[ended] = terminated[ended]
            going &= ~ended
        progress(step + 1, limit)
        if not going.any():
            break
    return Episodes(first_seed + np.arange(n), success, failed, steps, returns)


def evaluate_in_simulation(
    act: Callable[[dict[str, np.ndarray]], np.ndarray],
    task: str,
    episodes: int,
    *,
    observations: tuple[str, ...] | None = None,
    randomization: Randomization | str = "default",
    first_seed: int = TEST_SEED,
    image_size: tuple[int, int] | None = None,
    cameras: Mapping[str, Camera] | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Episodes:
    """Episodes on the task's test split, whose layouts, looks and dynamics were never trained on.

    Raises:
        ValueError: an unknown task or preset, or no episode.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, not {episodes}")
    env = BatchEnv(
        make_task(task, "test"),
        episodes,
        randomization=randomization,
        observations=observations,
        image_size=image_size,
        cameras=cameras,
        device=device,
    )
    try:
        return run_episodes(env, act, first_seed, progress)
    finally:
        env.close()
