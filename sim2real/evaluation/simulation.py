# pyright: reportArgumentType=false, reportCallIssue=false
"""Evaluation of a policy in simulated worlds that it was not trained in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs import BatchEnv, Camera, Randomization, make_task
from sim2real.errors import InputError
from sim2real.progress import Progress, silent
from sim2real.robots.loop import ABORTED, FAILURE, SUCCESS
from sim2real.seeds import TEST
from sim2real.statistics.rates import Rate, RateDifference

TEST_SEED = TEST.start


@dataclass(frozen=True)
class Episodes:
    """Results of n episodes, in the order of their seeds.

    Attributes:
        seeds: (n,) seeds.
        success: (n,) bool.
        failed: (n,) bool, ended early by the task (left the lane, ...).
        steps: (n,) number of control steps.
        returns: (n,) sums of rewards; NaN without rewards.
        aborted: (n,) bool, stopped for a reason unrelated to the policy (a stalled camera, Ctrl-C); None: none.
        loops: n summaries of the control loop (`sim2real.robots.loop.Trace`); empty without a loop.
        slow: (n,) bool, not aborted but too slow a loop to count either way; None: none.
    """

    seeds: np.ndarray
    success: np.ndarray
    failed: np.ndarray
    steps: np.ndarray
    returns: np.ndarray
    aborted: np.ndarray | None = None
    loops: tuple[dict[str, Any], ...] = ()
    slow: np.ndarray | None = None

    @property
    def invalid(self) -> np.ndarray:
        """Return (n,) bool, whether the loop was too slow for the episode to count."""
        return np.zeros(len(self.seeds), bool) if self.slow is None else self.slow

    @property
    def stopped(self) -> np.ndarray:
        """Return (n,) bool, whether an episode was aborted."""
        return np.zeros(len(self.seeds), bool) if self.aborted is None else self.aborted

    @property
    def completed(self) -> np.ndarray:
        """Return (n,) bool, whether an episode counts: neither aborted nor invalid."""
        return ~self.stopped & ~self.invalid

    @property
    def labels(self) -> list[str]:
        """Return "success", "failure" or "aborted" for each episode."""
        kinds = np.where(~self.stopped, np.where(self.success, SUCCESS, FAILURE), ABORTED)
        return [str(kind) for kind in kinds]

    def summary(self) -> dict[str, Any]:
        """Return rates with intervals, and means, over the episodes that count.

        If some were aborted, `aborted` is their share, and `success_if_aborted_failed` the success rate with aborted
        episodes counted as failures, a lower bound. `invalid` is the share of episodes with too slow a loop, if any.
        `success` is None if no episode counts.
        """
        kept, n = self.completed, len(self.seeds)
        figures: dict[str, Any] = {
            "success": _rate(self.success[kept]),
            "without_failure": _rate(~self.failed[kept]),
            **{
                name: _mean(values[kept])
                for name, values in (("mean_return", self.returns), ("mean_steps", self.steps))
            },
            "first_seed": int(self.seeds[0]) if n else None,
        }
        if self.stopped.any():
            figures["success_if_aborted_failed"] = _rate((self.success & kept)[~self.invalid])
            figures["aborted"] = _rate(self.stopped)
        if self.invalid.any():
            figures["invalid"] = _rate(self.invalid)
        return figures

    def rows(self) -> list[dict[str, Any]]:
        """Return an entry for JSON per episode: seed, label, steps, return, and the summary of its loop, if any."""
        entries = []
        for k, label in enumerate(self.labels):
            value = float(self.returns[k])
            entry = {"seed": int(self.seeds[k]), "label": label, "steps": int(self.steps[k])}
            loop = self.loops[k] if self.loops else {}
            entries.append({**entry, "return": value if np.isfinite(value) else None, **loop})
        return entries


def _rate(successes: np.ndarray) -> dict[str, float] | None:
    return Rate.of(int(successes.sum()), len(successes)).to_dict() if len(successes) else None


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) and np.isfinite(values).all() else None


def paired_difference(first: Episodes, second: Episodes) -> RateDifference | None:
    """Return the difference in success, second minus first, over episodes that count for both; None without one.

    Raises:
        ValueError: their episodes differ.
    """
    n = min(len(first.seeds), len(second.seeds))  # an interrupted comparison may end within a pair
    if not np.array_equal(first.seeds[:n], second.seeds[:n]):
        raise ValueError("only policies with the same episodes can be compared")
    both = first.completed[:n] & second.completed[:n]
    return RateDifference.of(first.success[:n][both], second.success[:n][both]) if both.any() else None


def run_episodes(
    env: BatchEnv,
    act: Callable[[dict[str, np.ndarray]], np.ndarray],
    first_seed: int = TEST_SEED,
    progress: Progress = silent,
) -> Episodes:
    """Run one episode in every world of env, world i with seed first_seed + i.

    Args:
        env: preferably with `once`, so that finished worlds are neither simulated nor rendered.
        act: observations of all worlds -> actions (n, A); with `once`, of the running worlds only.
        progress: called with (steps done, maximum number of steps).
    """
    n = env.num_envs
    limit = round(env.task.spec.episode_seconds / env.task.spec.control_dt)
    observation, _ = env.reset(seed=first_seed)
    going = np.ones(n, bool)
    success, failed = np.zeros(n, bool), np.zeros(n, bool)
    steps, returns, actions = np.zeros(n, int), np.zeros(n), np.zeros(env.action_space.shape)
    for step in range(limit):
        acting = going if env.once else np.ones(n, bool)
        actions[acting] = act({key: value[acting] for key, value in observation.items()})
        observation, reward, terminated, truncated, info = env.step(actions)
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
    progress: Progress = silent,
) -> Episodes:
    """Run episodes on the task's test split, whose layouts, appearance and dynamics are never trained on.

    Raises:
        InputError: an unknown task or preset, or no episode.
    """
    if episodes < 1:
        raise InputError(f"episodes must be at least 1, not {episodes}")
    env = BatchEnv(
        make_task(task, "test"),
        episodes,
        randomization=randomization,
        observations=observations,
        image_size=image_size,
        cameras=cameras,
        device=device,
        once=True,
    )
    try:
        return run_episodes(env, act, first_seed, progress)
    finally:
        env.close()
