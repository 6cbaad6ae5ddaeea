"""Rates with the interval that belongs to them."""

from dataclasses import asdict, dataclass

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
        """From counts; raises ValueError without an episode."""
        if count < 1:
            raise ValueError("a rate needs at least one episode")
        interval = binomtest(successes, count).proportion_ci(0.95, method="wilson")
        return Rate(successes / count, float(interval.low), float(interval.high), count)

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}] of {self.count}"
