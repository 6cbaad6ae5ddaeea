"""What an evaluation comes to: the figures, and what pages and films are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.offline import Comparison
from sim2real.evaluation.simulation import Episodes
from sim2real.recordings.frames import Frames
from sim2real.statistics.correlation import Correlation
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.statistics.settling import Settling

SIDES = ("sim", "rehearsal")


@dataclass(frozen=True)
class Evaluation:
    """Episodes of one policy, or the same episodes of two.

    Attributes:
        folder: of the run.
        metrics: what the run's `metrics.json` has.
        config: what was asked for.
        task: that the policies were made for.
        checkpoints: folders of the policies.
        episodes: of each policy.
        difference: of the second policy's success to the first's; None without a second, or without a common episode.
        settling: how many more episodes would settle it; None likewise.
        interrupted: whether somebody pressed Ctrl-C beside the robot; then the episodes are those until then.
    """

    folder: Path
    metrics: Mapping[str, Any]
    config: EvaluateConfig
    task: str
    checkpoints: tuple[Path, ...]
    episodes: tuple[Episodes, ...]
    difference: RateDifference | None = None
    settling: Settling | None = None
    interrupted: bool = False

    @property
    def has_figures(self) -> bool:
        """Whether every policy came to at least one episode."""
        return all(len(episodes.seeds) for episodes in self.episodes)


@dataclass(frozen=True)
class CorrelationResult:
    """Whether simulation tells which policies do well on the rehearsal robot.

    Attributes:
        folder: of the run.
        metrics: what the run's `metrics.json` has.
        config: what was asked for.
        task: that the policies were made for.
        checkpoints: folders of the policies.
        episodes: of each policy, by side: "sim", "rehearsal".
        correlation: of the success rates.
    """

    folder: Path
    metrics: Mapping[str, Any]
    config: EvaluateConfig
    task: str
    checkpoints: tuple[Path, ...]
    episodes: Mapping[str, tuple[Episodes, ...]]
    correlation: Correlation

    @property
    def rates(self) -> dict[str, list[Rate]]:
        """Success of each policy over its completed episodes, by side."""
        return {
            side: [Rate.of(int(e.success[e.completed].sum()), int(e.completed.sum())) for e in episodes]
            for side, episodes in self.episodes.items()
        }


@dataclass(frozen=True)
class DatasetEvaluation:
    """How a policy agrees with recordings.

    Attributes:
        folder: of the run.
        metrics: what the run's `metrics.json` has.
        config: what was asked for.
        checkpoint: folder of the policy.
        action_names: of the policy's A actions.
        frames: what was recorded, n frames.
        predicted: (n, A) actions in [-1, 1] that the policy would have done.
        comparisons: the first is of the action, or the several together, that policies are compared by; then each
            other action.
        saturation: frames by action whose recorded action is beyond what the policy can do.
    """

    folder: Path
    metrics: Mapping[str, Any]
    config: EvaluateConfig
    checkpoint: Path
    action_names: tuple[str, ...]
    frames: Frames
    predicted: np.ndarray
    comparisons: tuple[Comparison, ...]
    saturation: Mapping[str, int]
