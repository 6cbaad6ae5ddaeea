"""Rates and differences of rates, with their intervals."""

import math
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import binomtest


@dataclass(frozen=True)
class Rate:
    """A share of episodes with its 95 % Wilson score interval (Wilson 1927).

    Attributes:
        value: successes / count.
        low, high: the interval.
        count: episodes.
    """

    value: float
    low: float
    high: float
    count: int

    @staticmethod
    def of(successes: int, count: int) -> "Rate":
        """Compute from counts; raises ValueError without an episode."""
        if count < 1:
            raise ValueError("a rate needs at least one episode")
        interval = binomtest(successes, count).proportion_ci(0.95, method="wilson")
        return Rate(successes / count, float(interval.low), float(interval.high), count)

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}] of {self.count}"


@dataclass(frozen=True)
class RateDifference:
    """Difference of two policies' success rates in the same episodes, second minus first.

    Attributes:
        value: success rate of the second minus that of the first.
        low, high: 95 % interval for paired proportions, by Newcombe (1998, Statistics in Medicine 17:2635-2650,
            method 10): Wilson intervals of both, combined with their correlation.
        p_value: of the exact two-sided McNemar test on the episodes won and lost.
        won: number of episodes in which only the second succeeded.
        lost: number of episodes in which only the first succeeded.
        count: number of episodes.
    """

    value: float
    low: float
    high: float
    p_value: float
    won: int
    lost: int
    count: int

    @staticmethod
    def of(first: np.ndarray, second: np.ndarray) -> "RateDifference":
        """Compute from successes (n,) bool of both in the same order.

        Raises:
            ValueError: there is no episode, or n is unequal.
        """
        first, second = np.asarray(first, bool), np.asarray(second, bool)
        if first.shape != second.shape or first.ndim != 1 or not len(first):
            shapes = f"{first.shape} and {second.shape}"
            raise ValueError(f"a paired difference needs the same episodes of both, at least one, not {shapes}")
        both, won = int((first & second).sum()), int((second & ~first).sum())
        lost, neither = int((first & ~second).sum()), int((~first & ~second).sum())
        rate, other = Rate.of(both + lost, len(first)), Rate.of(both + won, len(first))
        phi = _correlation(both, won, lost, neither)
        difference = other.value - rate.value
        below = _hypotenuse(other.value - other.low, rate.high - rate.value, phi)
        above = _hypotenuse(other.high - other.value, rate.value - rate.low, phi)
        p_value = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
        return RateDifference(difference, difference - below, difference + above, p_value, won, lost, len(first))

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    def __str__(self) -> str:
        points = f"{100 * self.value:+.1f} points [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"
        return f"{points}, won {self.won}, lost {self.lost} of {self.count}, p = {self.p_value:.2g}"


def _correlation(both: int, won: int, lost: int, neither: int) -> float:
    """Return the correlation of two policies' successes; a positive one with Newcombe's correction for continuity."""
    product = (both + lost) * (won + neither) * (both + won) * (lost + neither)
    if product == 0:  # one policy always succeeds, or never
        return 0.0
    excess, half = both * neither - won * lost, (both + won + lost + neither) / 2
    return (excess if excess < 0 else max(excess - half, 0.0)) / math.sqrt(product)


def _hypotenuse(a: float, b: float, correlation: float) -> float:
    return math.sqrt(max(a * a - 2 * correlation * a * b + b * b, 0.0))
