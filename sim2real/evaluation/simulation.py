# pyright: reportArgumentType=false, reportCallIssue=false
"""Let a policy act in worlds that it was never trained in."""

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
    """What became of n episodes, in the order of their seeds.

    Attributes:
        seeds: (n,).
        success: (n,) bool.
        failed: (n,) bool, ended early by the task (left the lane, ...).
        steps: (n,) control steps.
        returns: (n,) sums of reward; NaN where nobody rewards.
        aborted: (n,) bool, stopped for a reason that is not the policy's (a stalled camera, Ctrl-C); None: none was.
        loops: n summaries of the loop that moved a robot (`sim2real.robots.loop.Trace`); empty where none ran.
    """

    seeds: np.ndarray
    success: np.ndarray
    failed: np.ndarray
    steps: np.ndarray
    returns: np.ndarray
    aborted: np.ndarray | None = None
    loops: tuple[dict[str, Any], ...] = ()

    @property
    def completed(self) -> np.ndarray:
        """Return (n,) bool: not aborted."""
        return np.ones(len(self.seeds), bool) if self.aborted is None else ~self.aborted

    @property
    def labels(self) -> list[str]:
        """Return "success", "failure" or "aborted" of each."""
        kinds = np.where(self.completed, np.where(self.success, SUCCESS, FAILURE), ABORTED)
        return [str(kind) for kind in kinds]

    def summary(self) -> dict[str, Any]:
        """Return rates with intervals, and means; of the episodes that were not aborted.

        Where some were, `aborted` is their share of all, and `success_if_aborted_failed` what the success would be if
        each of them had been a failure: the truth lies between. `success` is None if all of them were.
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
        if not kept.all():
            figures["success_if_aborted_failed"] = _rate(self.success & kept)
            figures["aborted"] = _rate(~kept)
        return figures

    def rows(self) -> list[dict[str, Any]]:
        """Return a plain entry per episode: seed, label, steps, return, and how its loop ran where one did."""
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
    """Return how much oftener the second succeeds in the episodes that neither aborted; None if there is none.

    Raises:
        InputError: they did not meet the same episodes.
    """
    n = min(len(first.seeds), len(second.seeds))  # an interrupted comparison ends in the middle of a pair
    if not np.array_equal(first.seeds[:n], second.seeds[:n]):
        raise InputError("only policies that met the same episodes can be compared")
    both = first.completed[:n] & second.completed[:n]
    return RateDifference.of(first.success[:n][both], second.success[:n][both]) if both.any() else None


def run_episodes(
    env: BatchEnv,
    act: Callable[[dict[str, np.ndarray]], np.ndarray],
    first_seed: int = TEST_SEED,
    progress: Progress = silent,
) -> Episodes:
    """Drive one episode in every world of env, world i with seed first_seed + i.

    Args:
        env: best one whose worlds live `once`: what has ended is then neither moved nor rendered.
        act: observations of all worlds -> actions (n, A); where they live `once`, of those that are still going.
        progress: is called with (steps done, steps at most).
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
    """Run episodes on the task's test split, whose layouts, looks and dynamics were never trained on.

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
