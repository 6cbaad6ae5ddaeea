"""Estimates from sums of errors per unit and seed, with intervals over both."""

from functools import cached_property

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import RESAMPLES, SEED, Bootstrap


class Resamples:
    """Resamples of units and seeds, the same for all candidates, so that their differences are paired.

    Each resample draws units with replacement, and one seed: intervals cover other units and another training. With
    few seeds the latter is rough: where seeds differ more than units, three that agree by chance are enough.

    Args:
        counts: (U,) number of samples of each unit.
    """

    def __init__(self, counts: np.ndarray) -> None:
        self._counts = np.asarray(counts, float)
        self._bootstrap = Bootstrap(len(self._counts))

    @cached_property
    def _lot(self) -> np.ndarray:
        return np.random.default_rng([SEED, 1]).random(RESAMPLES)

    def error(self, sums: np.ndarray) -> Estimate:
        """Return the mean error over samples and seeds, from its sums (S, U)."""
        return self._estimate(self._mean(sums), self._drawn(sums), 0.0)

    def change(self, sums: np.ndarray, reference: np.ndarray, comparisons: int = 1) -> Estimate:
        """Return by what share the mean error differs from a reference's: -0.1 is a tenth less. Sums are (S, U).

        Args:
            comparisons: number of changes whose intervals shall hold at once.
        """
        value = self._mean(sums) / self._mean(reference) - 1
        return self._estimate(value, self._drawn(sums) / self._drawn(reference) - 1, comparisons=comparisons)

    def _mean(self, sums: np.ndarray) -> float:
        return float(np.mean(np.sum(sums, 1)) / self._counts.sum())

    def _drawn(self, sums: np.ndarray) -> np.ndarray:
        """Return (resamples,) the mean error in each resample."""
        weights = self._bootstrap.weights
        of_seed = np.asarray(sums, float)[(self._lot * len(sums)).astype(int)]
        return (weights * of_seed).sum(1) / (weights @ self._counts)

    def _estimate(self, value: float, drawn: np.ndarray, least: float = -np.inf, comparisons: int = 1) -> Estimate:
        interval = self._bootstrap.interval(value, drawn, least, comparisons=comparisons)
        return Estimate(value, *(interval or (None, None)))


def side(difference: Estimate) -> int:
    """Return -1 if a difference is shown to be below 0, 1 if above, 0 if neither."""
    if difference.low is None or difference.high is None:
        return 0
    return int(difference.low > 0) - int(difference.high < 0)
