"""How well a policy agrees with what people did, with intervals by bootstrap over episodes."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student_t

METRIC_NAMES = {"correlation": "correlation", "mae": "MAE", "rmse": "RMSE", "gain_free_mae": "gain-free MAE"}
METRICS = tuple(METRIC_NAMES)
RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; low and high are None where a single episode allows none."""

    value: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]")


def fitted_gain(predicted: np.ndarray, actual: np.ndarray) -> tuple[float, float]:
    """Gain and offset that bring predicted (n,) closest to actual (n,) by least squares; (0, mean) of a constant."""
    centred = predicted - predicted.mean()
    spread = float(centred @ centred)
    gain = float(centred @ actual) / spread if spread > 1e-12 else 0.0
    return gain, float(actual.mean() - gain * predicted.mean())


class Agreement:
    """Predictions of one or several policies (arms) against what was done, over episodes.

    Resampling is over whole episodes (frames of an episode are not independent) and, where an arm was trained with
    several seeds, over these too; all arms are resampled alike, so that their differences are paired.

    Args:
        actual: (n,) what was done; frames where it is NaN are left out.
        episode: (n,) to which each frame belongs.
        resamples: of the bootstrap (Efron & Tibshirani 1993), whose percentile interval is expanded for few episodes.
    """

    def __init__(self, actual: np.ndarray, episode: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED) -> None:
        self._known = np.isfinite(actual)
        self.actual = actual[self._known].astype(np.float64)
        self.episodes, self._group = np.unique(episode[self._known], return_inverse=True)
        self.resamples = resamples
        count = len(self.episodes)
        random = np.random.default_rng(seed)
        # How often each episode is in each resample: all that a resample is, for sums over frames.
        self._weights = random.multinomial(count, np.full(count, 1 / max(count, 1)), resamples) if count > 1 else None
        self._lot = random.random(resamples)
        # Expanded percentiles (Hesterberg 2015, section 4.2): with few episodes the plain ones are too narrow.
        expanded = norm.cdf(np.sqrt(count / (count - 1)) * student_t.ppf(0.975, count - 1)) if count > 1 else 0.975
        self._percentiles = 100 * (1 - expanded), 100 * expanded

    def __len__(self) -> int:
        return len(self.actual)

    def measure(self, predicted: np.ndarray) -> dict[str, Estimate]:
        """Metrics of an arm.

        Args:
            predicted: (n,), or (S, n) of S seeds, whose mean metric is given.

        Returns:
            By name: correlation; mae; rmse; gain_free_mae, the mae after the gain and offset that fit best (in
            hindsight, once per arm and seed: people steer on scales of their own, and that is no error in seeing).
        """
        sums = self._sums(predicted)
        each = self._metrics(sums.sum(1))
        drawn = self._resampled(sums)
        return {name: self._estimate(each[name].mean(), drawn and drawn[name]) for name in METRICS}

    def difference(self, predicted: np.ndarray, reference: np.ndarray, metric: str) -> Estimate:
        """Of a metric between two arms, paired: below 0, the first has the smaller."""
        ours, theirs = self._sums(predicted), self._sums(reference)
        value = self._metrics(ours.sum(1))[metric].mean() - self._metrics(theirs.sum(1))[metric].mean()
        a, b = self._resampled(ours), self._resampled(theirs)
        return self._estimate(value, a and b and a[metric] - b[metric])

    def per_episode(self, predicted: np.ndarray) -> list[dict[str, float]]:
        """Metrics of each episode of one arm (n,): "episode", "frames" and METRICS; correlation NaN where constant."""
        sums = self._sums(predicted)[0]
        each = self._metrics(sums)
        return [
            {"episode": int(name), "frames": int(sums[k, 0])} | {metric: float(each[metric][k]) for metric in METRICS}
            for k, name in enumerate(self.episodes)
        ]

    def _sums(self, predicted: np.ndarray) -> np.ndarray:
        """(S, E, 8): per seed and episode the sums that every metric is made of."""
        result = []
        for p in np.atleast_2d(predicted)[:, self._known].astype(np.float64):
            y = self.actual
            gain, offset = fitted_gain(p, y)
            columns = (np.ones_like(y), p, y, p * p, y * y, p * y, np.abs(p - y), np.abs(gain * p + offset - y))
            result.append(np.stack([np.bincount(self._group, c, len(self.episodes)) for c in columns], 1))
        return np.stack(result)

    def _resampled(self, sums: np.ndarray) -> dict[str, np.ndarray] | None:
        """Metrics (resamples,) of every resample, of a seed drawn along with the episodes."""
        if self._weights is None:
            return None
        seed = (self._lot * len(sums)).astype(int)
        return self._metrics(np.einsum("re,rek->rk", self._weights, sums[seed], optimize=True))

    @staticmethod
    def _metrics(sums: np.ndarray) -> dict[str, np.ndarray]:
        n, p, y, pp, yy, py, error, free = np.moveaxis(sums, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.maximum(pp - p * p / n, 0) * np.maximum(yy - y * y / n, 0)
            correlation = np.where(spread > 1e-12 * n * n, (py - p * y / n) / np.sqrt(spread), np.nan)
        rmse = np.sqrt(np.maximum(pp - 2 * py + yy, 0) / n)
        return {"correlation": correlation, "mae": error / n, "rmse": rmse, "gain_free_mae": free / n}

    def _estimate(self, value: float, drawn: np.ndarray | None) -> Estimate:
        if drawn is None or not np.isfinite(drawn).any():
            return Estimate(float(value), None, None)
        low, high = np.nanpercentile(drawn, self._percentiles)
        return Estimate(float(value), float(low), float(high))
