"""How well scores predict which of many checkpoints drive best: rank correlations and their differences.

Intervals are 95 %, by bootstrap over what was drawn: episodes, laps and units of frames ("episodes": for these
checkpoints), the checkpoints ("checkpoints": for these episodes), or all of them ("both").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.statistics.bootstrap import RESAMPLES, Bootstrap
from sim2real.statistics.correlation import rank_correlations, rank_violation

BINS = 10
TOLERANCE = 0.1  # share of the recorded steering that an error may have, as Codevilla et al. 2018
OVER = ("episodes", "checkpoints", "both")
ERRORS = ("mae", "balanced_mae", "rmse", "relative", "gain_free_mae")  # smaller is better
OFFLINE = (*ERRORS, "correlation")


@dataclass(frozen=True)
class Score:
    """A score of K checkpoints, the larger the better.

    Attributes:
        value: (K,)
        drawn: (resamples, K) with other episodes, the same ones for all checkpoints.
        episodes: number of episodes, or units of frames.
    """

    value: np.ndarray
    drawn: np.ndarray
    episodes: int

    @staticmethod
    def mean(values: np.ndarray, seed: int) -> "Score":
        """Return the mean of values (K, n) over episodes; scores with the same seed are of the same episodes."""
        n = values.shape[1]
        return Score(values.mean(1), Bootstrap(n, seed=seed).weights @ values.T / n, n)


def offline_metrics(predicted: np.ndarray, actual: np.ndarray, unit: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """Return offline metrics (resamples,) of predictions (n,) of recorded actions (n,), by name.

    The balanced MAE is the mean over ten equal intervals of the recorded action; `relative` the share of frames whose
    error is larger than a tenth of the recorded action (Codevilla et al. 2018, arXiv 1809.04843, section 3.3). The
    gain-free MAE is that after the gain and offset that fit best to all frames.

    Args:
        unit: (n,) unit of each frame.
        weights: (resamples, units) how often each unit was drawn.
    """
    p, y = predicted.astype(float), actual.astype(float)
    gain, offset = np.polyfit(p, y, 1) if p.std() > 1e-9 else (0.0, y.mean())
    error, free = np.abs(p - y), np.abs(gain * p + offset - y)
    edges = np.linspace(y.min(), y.max(), BINS + 1)[1:-1]
    where = np.eye(BINS)[np.digitize(y, edges)]  # (n, BINS)
    single = np.stack([np.ones_like(y), p, y, p * p, y * y, p * y, error, error > TOLERANCE * np.abs(y), free], 1)
    rows = np.column_stack([single, where, where * error[:, None]])
    sums = np.zeros((weights.shape[1], rows.shape[1]))
    np.add.at(sums, unit, rows)
    drawn = weights @ sums
    n, sp, sy, spp, syy, spy, total, beyond, left = drawn[:, :9].T
    count, off = drawn[:, 9 : 9 + BINS], drawn[:, 9 + BINS :]
    each = np.divide(off, count, out=np.full_like(off, np.nan), where=count > 0)
    spread = np.maximum(spp - sp * sp / n, 0) * np.maximum(syy - sy * sy / n, 0)
    return {
        "mae": total / n,
        "balanced_mae": np.nanmean(each, 1),
        "rmse": np.sqrt(np.maximum(spp - 2 * spy + syy, 0) / n),
        "relative": beyond / n,
        "gain_free_mae": left / n,
        # A constant prediction tells as little as one that is uncorrelated.
        "correlation": np.where(spread > 1e-12, (spy - sp * sy / n) / np.sqrt(np.maximum(spread, 1e-12)), 0.0),
    }


def offline_scores(predicted: np.ndarray, actual: np.ndarray, unit: np.ndarray, seed: int) -> dict[str, Score]:
    """Return scores by metric of predictions (K, n); errors with a minus, so that the larger is the better."""
    units = int(unit.max()) + 1
    weights = np.vstack([np.ones(units), Bootstrap(units, seed=seed).weights])
    each = [offline_metrics(p, actual, unit, weights) for p in predicted]
    scores = {}
    for name in OFFLINE:
        values = np.stack([-one[name] if name in ERRORS else one[name] for one in each], 1)
        scores[name] = Score(values[0], values[1:], units)
    return scores


def ranked(scores: Mapping[str, Score], truth: Score, first: str, seed: int = 0) -> dict[str, Any]:
    """Return for each score Spearman, MMRV, and by how much Spearman is below that of the score called `first`."""
    drawn = {name: _figures(score, truth, seed) for name, score in scores.items()}
    bootstrap = Bootstrap(len(truth.value))
    rows: dict[str, Any] = {}
    for name, score in scores.items():
        rho = _spearman(score, truth)
        difference = _spearman(scores[first], truth) - rho
        rows[name] = {
            "spearman": _figure(bootstrap, rho, {over: each[0] for over, each in drawn[name].items()}, -1, 1),
            "mmrv": _figure(
                bootstrap, rank_violation(score.value, truth.value), {o: e[1] for o, e in drawn[name].items()}, 0
            ),
        }
        if name != first:
            apart = {over: drawn[first][over][0] - drawn[name][over][0] for over in OVER}
            rows[name]["difference"] = _figure(bootstrap, difference, apart, -2, 2)
    return rows


def _spearman(score: Score, truth: Score) -> float:
    return float(rank_correlations(score.value[None], truth.value[None])[0])


def _figures(score: Score, truth: Score, seed: int) -> dict[str, np.ndarray]:
    """Return (2, resamples) Spearman and MMRV by what was drawn; all scores see the same checkpoints drawn."""
    count = len(truth.value)
    chosen = np.random.default_rng([seed, 2]).integers(0, count, (RESAMPLES, count))
    same = np.broadcast_to(np.arange(count), chosen.shape)
    figures = {}
    for over in OVER:
        which = same if over == "episodes" else chosen
        xs, ys = (
            np.broadcast_to(side.value, side.drawn.shape) if over == "checkpoints" else side.drawn
            for side in (score, truth)
        )
        xs, ys = np.take_along_axis(xs, which, 1), np.take_along_axis(ys, which, 1)
        violation = np.array([rank_violation(x, y) for x, y in zip(xs, ys, strict=True)])
        figures[over] = np.stack([rank_correlations(xs, ys), violation])
    return figures


def _figure(
    bootstrap: Bootstrap, value: float, drawn: Mapping[str, np.ndarray], least: float = -np.inf, most: float = np.inf
) -> dict[str, Any]:
    intervals = {over: bootstrap.interval(value, each, least, most) for over, each in drawn.items()}
    return {"value": value, **intervals}
