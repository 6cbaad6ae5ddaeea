# pyright: reportAttributeAccessIssue=false
"""Whether simulation predicts which policies work well on a robot: correlation over checkpoints."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, pearsonr, rankdata, spearmanr

from sim2real.errors import InputError
from sim2real.statistics.bootstrap import Bootstrap

FEWEST = 3  # checkpoints


@dataclass(frozen=True)
class Coefficient:
    """A correlation coefficient.

    Attributes:
        value: the coefficient; NaN if one side is constant.
        over_episodes: 95 % interval for these checkpoints, by bootstrap over episodes; NaN where undefined.
        over_checkpoints: 95 % interval for similar checkpoints, by Fisher's transformation; (-1, 1) for three.
    """

    value: float
    over_episodes: tuple[float, float]
    over_checkpoints: tuple[float, float]

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "undefined: one side has the same value for all checkpoints"
        return f"{self.value:.2f}"


@dataclass(frozen=True)
class Correlation:
    """How success rates in simulation correlate with those on a robot.

    Attributes:
        pearson, spearman: correlation of the rates, and of their ranks.
        rank_violation: mean maximum rank violation (Li et al. 2024, SIMPLER, eq. 2), as a share of success on the
            robot: the largest loss from choosing between two checkpoints by simulation. 0 is best.
        checkpoints: number of checkpoints.
    """

    pearson: Coefficient
    spearman: Coefficient
    rank_violation: float
    checkpoints: int

    @staticmethod
    def of(sim: Sequence[np.ndarray], robot: Sequence[np.ndarray], seed: int = 0) -> "Correlation":
        """Compute from successes (n,) bool of each checkpoint, in simulation and on the robot.

        Raises:
            InputError: a checkpoint without a completed episode.
            ValueError: fewer than three checkpoints, or unequal numbers of them.
        """
        if len(sim) != len(robot) or len(sim) < FEWEST:
            raise ValueError(f"a correlation needs {FEWEST} checkpoints on both sides, not {len(sim)} and {len(robot)}")
        if not all(len(successes) for successes in (*sim, *robot)):
            raise InputError("a correlation needs at least one completed episode of every checkpoint on both sides")
        x, y = (np.array([np.mean(s) for s in side]) for side in (sim, robot))
        xs, ys = _resampled(sim, seed), _resampled(robot, seed + 1)
        # The smallest number of episodes gives the widest interval.
        bootstrap = Bootstrap(min(len(successes) for successes in (*sim, *robot)))
        n, r, rho = len(x), _pearson(x, y), _spearman(x, y)
        fisher = (math.nan, math.nan)
        if n > FEWEST and not math.isnan(r):
            low, high = pearsonr(x, y).confidence_interval(0.95)
            fisher = (float(low), float(high))
        elif not math.isnan(r):
            fisher = (-1.0, 1.0)
        ranks = rank_correlations(xs, ys)
        return Correlation(
            Coefficient(r, _over_episodes(bootstrap, r, _rows(xs, ys)), fisher),
            Coefficient(rho, _over_episodes(bootstrap, rho, ranks), _fisher_of_ranks(rho, n)),
            rank_violation(x, y),
            n,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; None for what is undefined."""
        return _plain(asdict(self))


def rank_violation(sim: np.ndarray, robot: np.ndarray) -> float:
    """Return the mean over checkpoints of the largest difference on the robot with opposite order in simulation."""
    apart = np.abs(robot[:, None] - robot)
    wrong = (sim[:, None] < sim) != (robot[:, None] < robot)
    return float((apart * wrong).max(1).mean())


def rank_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (m,) Spearman correlations of rows (m, n); NaN where a row does not vary."""
    return _rows(rankdata(x, axis=1), rankdata(y, axis=1))


def _resampled(side: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return (resamples, checkpoints) success rates; checkpoints with the same episodes are resampled together."""
    return np.stack([Bootstrap(len(s), seed=seed).weights @ np.asarray(s, float) / len(s) for s in side], 1)


def _rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (m,) Pearson correlations of rows (m, n); NaN where a row does not vary."""
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    scale = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    return np.divide((x * y).sum(1), scale, out=np.full(len(x), np.nan), where=scale > 1e-12)


def _over_episodes(bootstrap: Bootstrap, value: float, drawn: np.ndarray) -> tuple[float, float]:
    return bootstrap.interval(value, drawn, -1.0, 1.0) or (math.nan, math.nan)


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    return float(_rows(x[None], y[None])[0])


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for a constant side, which gives NaN
        return float(spearmanr(x, y).statistic)


def _fisher_of_ranks(rho: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a rank correlation with the variance of Bonett & Wright (2000)."""
    if math.isnan(rho):
        return math.nan, math.nan
    if n <= FEWEST or abs(rho) >= 1:  # with few checkpoints: of 4, one in 24 is in perfect order by chance
        return -1.0, 1.0
    half = norm.ppf(0.975) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value
