"""How well a policy agrees with what people did, with intervals by bootstrap over independent units."""

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
BOUNDS = {"correlation": (-1.0, 1.0)}  # of a metric; errors are at least 0


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; low and high are None where a single unit allows none."""

    value: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]")


def fitted_gain(predicted: np.ndarray, actual: np.ndarray) -> tuple[float, float]:
    """Fit gain and offset that bring predicted (n,) closest to actual (n,), by least squares; (0, mean) if constant."""
    centred = predicted - predicted.mean()
    spread = float(centred @ centred)
    gain = float(centred @ actual) / spread if spread > 1e-12 else 0.0
    return gain, float(actual.mean() - gain * predicted.mean())


def gain_free(criterion: str) -> bool:
    """Tell whether a metric allows everybody a scale of his own."""
    return criterion.startswith("gain_free_")


def metric_header(metrics: Iterable[str]) -> list[str]:
    """Return what metrics are called in a table."""
    return [METRIC_NAMES[name] for name in metrics]


class Agreement:
    """Measures predictions of one or several candidates (policies) against what was done, over independent units.

    Resampling is over whole units (frames of a session are not independent) and, where a candidate was trained with
    several seeds, over these too; all candidates are resampled alike, so that their differences are paired.

    With several actions (those of a robot arm, one per joint, all in [-1, 1]) the errors of all of them count alike,
    the gain is fitted to each, and the correlation is that within actions: covariances and variances about each
    action's own mean are added up before they are divided. So neither do the means of different joints pass for
    agreement, nor does a joint that hardly moved weigh as much as one that did all the work.

    Where a robot rests most of the time, most actions are near 0: to predict 0 always has about the least MAE there is,
    and a policy that moves when people moved, but a little earlier or later, a larger one. There an MAE tells nothing
    but beside that of "always 0"; correlation and RMSE come from the frames in which something was done, and the
    criterion should be "rmse", or "gain_free_rmse" where people have scales of their own.

    Args:
        actual: (n,) what was done, or (n, J) of J actions; where it is NaN it is left out.
        episode: (n,) to which each frame belongs.
        resamples, seed: of the bootstrap.
        criterion: the metric by which candidates are compared, one of METRIC_NAMES.
        units: of the frames; None: every episode is one.

    Attributes:
        metrics: names of those that are measured: correlation, MAE, RMSE and the criterion.
        units: of the frames whose actions are known.
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
        self._lot = np.random.default_rng([seed, 1]).random(resamples)  # which of a candidate's seeds each resample has

    def __len__(self) -> int:
        return self.frames

    def measure(self, predicted: np.ndarray) -> dict[str, Estimate]:
        """Return metrics of a candidate.

        Args:
            predicted: like what was done, (n,) or (n, J); or of S seeds, (S, n) or (S, n, J), whose mean metric is
                given.

        Returns:
            By name: correlation; mae; rmse; gain_free_mae or gain_free_rmse, what is left of them after the gain and
            offset that fit best (in hindsight, once per candidate, seed and action: people steer on scales of their
            own, and that is no error in seeing).
        """
        sums = self._sums(predicted, self.units.index)
        each = self._metrics(sums.sum(1))
        drawn = self._resampled(sums)
        return {
            name: self._estimate(each[name].mean(), drawn[name], *BOUNDS.get(name, (0.0, np.inf)))
            for name in self.metrics
        }

    def difference(self, predicted: np.ndarray, reference: np.ndarray, metric: str) -> Estimate:
        """Return a metric's difference between two candidates, paired: below 0, the first has the smaller."""
        ours, theirs = (self._sums(values, self.units.index) for values in (predicted, reference))
        value = self._metrics(ours.sum(1))[metric].mean() - self._metrics(theirs.sum(1))[metric].mean()
        a, b = self._resampled(ours), self._resampled(theirs)
        return self._estimate(value, a[metric] - b[metric])

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
        """Fit (J, 2) gain and offset of each action that bring predictions (n,) or (n, J) closest to what was done."""
        return self._fitted(predicted.reshape(self._known.shape)[self._known].astype(np.float64))

    def _fitted(self, p: np.ndarray) -> np.ndarray:
        pairs = np.zeros((self.actions, 2))
        for j in np.unique(self._action):
            of = self._action == j
            pairs[j] = fitted_gain(p[of], self.actual[of])
        return pairs

    def _sums(self, predicted: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return (S, G, J, 9): per seed, group and action the sums that every metric is made of."""
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
        """Return metrics (resamples,) of every resample, of a seed drawn along with the units."""
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

    def _estimate(self, value: float, drawn: np.ndarray, least: float = -np.inf, most: float = np.inf) -> Estimate:
        return Estimate(float(value), *(self._bootstrap.interval(float(value), drawn, least, most) or (None, None)))
