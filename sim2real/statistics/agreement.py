"""Agreement of a policy with recorded actions, with intervals by bootstrap over independent units."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from sim2real.statistics.bootstrap import RESAMPLES, SEED, Bootstrap
from sim2real.statistics.units import Units

METRIC_NAMES = {
    "correlation": "correlation",
    "mae": "MAE",
    "rmse": "RMSE",
    "gain_free_mae": "gain-free MAE",
    "gain_free_rmse": "gain-free RMSE",
}
CRITERION = "gain_free_mae"
METRICS = ("correlation", "mae", "rmse", CRITERION)
BOUNDS = {"correlation": (-1.0, 1.0)}  # range of a metric; errors are at least 0


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; low and high are None if a single unit allows no interval."""

    value: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]")


def fitted_gain(predicted: np.ndarray, actual: np.ndarray) -> tuple[float, float]:
    """Return the least-squares gain and offset from predicted (n,) to actual (n,); (0, mean) if constant."""
    centred = predicted - predicted.mean()
    spread = float(centred @ centred)
    gain = float(centred @ actual) / spread if spread > 1e-12 else 0.0
    return gain, float(actual.mean() - gain * predicted.mean())


def gain_free(criterion: str) -> bool:
    """Return whether a metric is computed after the best gain and offset."""
    return criterion.startswith("gain_free_")


def metric_header(metrics: Iterable[str]) -> list[str]:
    """Return the names of metrics for a table header."""
    return [METRIC_NAMES[name] for name in metrics]


class Agreement:
    """Compares predictions of one or several candidates (policies) with recorded actions, over independent units.

    Resampling is over units (frames of a session are not independent) and, if a candidate was trained with several
    seeds, over seeds too; all candidates share the resamples, so that their differences are paired.

    With several actions (one per joint of an arm, all in [-1, 1]) all errors have equal weight, the gain is fitted per
    action, and the correlation is within actions: covariances and variances about each action's mean are summed before
    they are divided. So different means of the joints do not count as agreement, and a joint that hardly moved has
    little weight.

    If a robot rests most of the time, most actions are near 0: always predicting 0 then has nearly the smallest MAE,
    and a policy that moves slightly too early or late has a larger one. Such an MAE is only meaningful next to that of
    "always 0". Correlation and RMSE depend on the frames with motion; the criterion should be "rmse", or
    "gain_free_rmse" if drivers have individual scales.

    Args:
        actual: (n,) recorded action, or (n, J) of J actions; NaN is left out.
        episode: (n,) episode of each frame.
        resamples, seed: settings of the bootstrap.
        criterion: the metric by which candidates are compared, one of METRIC_NAMES.
        units: units of the frames; None: every episode is one.

    Attributes:
        metrics: names of the computed metrics: correlation, MAE, RMSE and the criterion.
        units: units of the frames with known actions.
    """

    def __init__(
        self,
        actual: np.ndarray,
        episode: np.ndarray,
        resamples: int = RESAMPLES,
        seed: int = SEED,
        criterion: str = CRITERION,
        units: Units | None = None,
    ) -> None:
        self.criterion, self.metrics = criterion, tuple(dict.fromkeys((*METRICS[:3], criterion)))
        columns = actual if actual.ndim == 2 else actual[:, None]
        self._known = np.isfinite(columns)
        frame, self._action = np.nonzero(self._known)
        self.actual = columns[self._known].astype(np.float64)
        self.frames, self.actions = int(self._known.any(1).sum()), columns.shape[1]
        self._frame, self._episode = frame, episode[frame]
        self.episodes = np.unique(self._episode)
        self.units = (Units.undivided(episode) if units is None else units).select(frame)
        self._bootstrap = Bootstrap(len(self.units), resamples, seed)
        self._lot = np.random.default_rng([seed, 1]).random(resamples)  # the seed of a candidate in each resample

    def __len__(self) -> int:
        return self.frames

    def measure(self, predicted: np.ndarray, metrics: Iterable[str] = ()) -> dict[str, Estimate]:
        """Return metrics of a candidate.

        Args:
            predicted: (n,) or (n, J), as the recorded actions; or (S, n) or (S, n, J) of S seeds, whose mean metric
                is returned.
            metrics: names of METRIC_NAMES; (): those of `metrics`.

        Returns:
            By name: correlation; mae; rmse; gain_free_mae or gain_free_rmse, the error after the best-fitting gain and
                offset (per candidate, seed and action: drivers differ in scale, which is not a perception error).
        """
        sums = self._sums(predicted, self.units.index)
        each = self._metrics(sums.sum(1))
        drawn = self._resampled(sums)
        return {
            name: self._estimate(each[name].mean(), drawn[name], *BOUNDS.get(name, (0.0, np.inf)))
            for name in metrics or self.metrics
        }

    def difference(self, predicted: np.ndarray, reference: np.ndarray, metric: str, comparisons: int = 1) -> Estimate:
        """Return the paired difference of a metric, predicted minus reference.

        Args:
            comparisons: number of differences whose intervals shall hold at once.
        """
        ours, theirs = (self._sums(values, self.units.index) for values in (predicted, reference))
        value = self._metrics(ours.sum(1))[metric].mean() - self._metrics(theirs.sum(1))[metric].mean()
        a, b = self._resampled(ours), self._resampled(theirs)
        return self._estimate(value, a[metric] - b[metric], comparisons=comparisons)

    def per_episode(self, predicted: np.ndarray) -> list[dict[str, float]]:
        """Return "episode", "frames" and `metrics` of each episode of a candidate; correlation NaN where constant."""
        sums = self._sums(predicted, np.searchsorted(self.episodes, self._episode))[0]
        each = self._metrics(sums)
        return [
            {"episode": int(name), "frames": int(sums[k, :, 0].max())}
            | {metric: float(each[metric][k]) for metric in self.metrics}
            for k, name in enumerate(self.episodes)
        ]

    def fitted(self, predicted: np.ndarray) -> np.ndarray:
        """Return (J, 2) least-squares gain and offset from predictions (n,) or (n, J) to the recorded actions."""
        return self._fitted(predicted.reshape(self._known.shape)[self._known].astype(np.float64))

    def _fitted(self, p: np.ndarray) -> np.ndarray:
        pairs = np.zeros((self.actions, 2))
        for j in np.unique(self._action):
            of = self._action == j
            pairs[j] = fitted_gain(p[of], self.actual[of])
        return pairs

    def _sums(self, predicted: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return (S, G, J, 9): per seed, group and action the sums from which all metrics are computed."""
        count = int(group.max(initial=-1)) + 1
        result, cells, cell = [], count * self.actions, group * self.actions + self._action
        for values in predicted.reshape(-1, *self._known.shape):
            p, y = values[self._known].astype(np.float64), self.actual
            gain, offset = self._fitted(p)[self._action].T
            left = gain * p + offset - y
            columns = (np.ones_like(y), p, y, p * p, y * y, p * y, np.abs(p - y), np.abs(left), left * left)
            result.append(np.stack([np.bincount(cell, c, cells) for c in columns], 1))
        return np.stack(result).reshape(len(result), -1, self.actions, 9)

    def _resampled(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Return metrics (resamples,) of all resamples, each with a randomly drawn seed."""
        seed = (self._lot * len(sums)).astype(int)
        flat = sums.reshape(*sums.shape[:2], -1)[seed]
        drawn = np.einsum("re,rek->rk", self._bootstrap.weights, flat, optimize=True)
        return self._metrics(drawn.reshape(-1, *sums.shape[2:]))

    @staticmethod
    def _metrics(sums: np.ndarray) -> dict[str, np.ndarray]:
        """Compute metrics (...,) from sums (..., J, 9)."""
        n, p, y, pp, yy, py, error, free, square = np.moveaxis(sums, -1, 0)
        each, total = np.maximum(n, 1), np.maximum(n.sum(-1), 1)  # an action may be unknown in some episodes
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.maximum(pp - p * p / each, 0).sum(-1) * np.maximum(yy - y * y / each, 0).sum(-1)
            covariance = (py - p * y / each).sum(-1)
            correlation = np.where(spread > 1e-12 * total * total, covariance / np.sqrt(spread), np.nan)
        rmse = np.sqrt(np.maximum(pp - 2 * py + yy, 0).sum(-1) / total)
        return {
            "correlation": correlation,
            "mae": error.sum(-1) / total,
            "rmse": rmse,
            "gain_free_mae": free.sum(-1) / total,
            "gain_free_rmse": np.sqrt(square.sum(-1) / total),
        }

    def _estimate(
        self, value: float, drawn: np.ndarray, least: float = -np.inf, most: float = np.inf, comparisons: int = 1
    ) -> Estimate:
        interval = self._bootstrap.interval(float(value), drawn, least, most, comparisons)
        return Estimate(float(value), *(interval or (None, None)))
