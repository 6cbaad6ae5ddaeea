"""What a session's episodes show: intervals that may be looked at after every episode, and simulated twins."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from envs import make_task
from policies.policy import Policy
from sim2real.datasets import EpisodeDataset
from sim2real.evaluation.simulation import Episodes
from sim2real.evaluation.twins import drive_further, drive_twins, localized_starts
from sim2real.progress import Stages
from sim2real.statistics.sequential import SequentialDifference, sequential_difference, sequential_rate
from sim2real.statistics.suresim import suresim
from sim2real.tracks.rebuilt import RebuiltTrack

FURTHER = 200  # simulated trials beside the paired ones


def in_order(episodes: Episodes) -> np.ndarray:
    """Return (m,) bool, the successes of the episodes that count, in the order in which they were driven."""
    order = np.array([loop.get("order", k) for k, loop in enumerate(episodes.loops)], int)
    return episodes.success[np.argsort(order)][episodes.completed[np.argsort(order)]]


def pairs_in_order(first: Episodes, second: Episodes) -> tuple[np.ndarray, np.ndarray]:
    """Return (m,) bool each, the successes in scenes that count for both, in the order of the scenes."""
    n = min(len(first.seeds), len(second.seeds))
    both = first.completed[:n] & second.completed[:n]
    return first.success[:n][both], second.success[:n][both]


def sequential_figures(episodes: Sequence[Episodes]) -> dict[str, Any]:
    """Return `rates`, one per policy (None without an episode that counts), and for two policies `difference`."""
    each = [in_order(one) for one in episodes]
    figures: dict[str, Any] = {"rates": [sequential_rate(one).to_dict() if len(one) else None for one in each]}
    if (difference := sequential_pairs(episodes)) is not None:
        figures["difference"] = difference.to_dict()
    return figures


def sequential_pairs(episodes: Sequence[Episodes]) -> SequentialDifference | None:
    """Return the paired difference, second minus first; None without two policies or a common scene."""
    if len(episodes) < 2:
        return None
    pairs = pairs_in_order(*episodes[:2])
    return sequential_difference(*pairs) if len(pairs[0]) else None


def twin_figures(
    track: RebuiltTrack,
    policies: Sequence[Policy],
    episodes: Sequence[Episodes],
    saved: Path,
    seed: int,
    stages: Stages,
) -> list[dict[str, Any] | None]:
    """Return per policy the rate combined with simulated twins (`suresim`), and how many trials have none.

    Every trial that counts is driven again on the rebuilt track from where it began, as long as it could last. Further
    simulated trials begin where the log's driver drove: the person should have put the car there, too.

    Args:
        saved: dataset of the saved episodes.
        seed: of the simulated cars.

    Raises:
        InputError: frames of another camera than the track's, or a log that does not tell how the car steers.
    """
    starts = localized_starts(track, EpisodeDataset.open(saved), stages("find the trials on the track"))
    seconds = make_task(policies[0].config.task).spec.episode_seconds
    results: list[dict[str, Any] | None] = []
    for k, (policy, each) in enumerate(zip(policies, episodes, strict=True)):
        files = np.array([-1 if loop.get("file") is None else loop["file"] for loop in each.loops], int)
        counted = np.flatnonzero(each.completed & (files >= 0))
        placed = counted[np.isfinite(starts[files[counted]]).all(1)]
        if not len(placed):
            results.append(None)
            continue
        twins, others = stages(f"drive the twins of policy {k + 1}"), stages(f"drive further ones of policy {k + 1}")
        paired = drive_twins(track, policy, starts[files[placed]], seconds, seed, twins)
        further = drive_further(track, policy, FURTHER, seconds, seed + len(paired), others)
        figures = suresim(each.success[placed], paired, further).to_dict()
        results.append({**figures, "paired": int(paired.sum()), "unplaced": int(len(counted) - len(placed))})
    return results
