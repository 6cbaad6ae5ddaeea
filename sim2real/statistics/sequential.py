"""Success rates and their paired difference with intervals that may be looked at after every episode.

Wilson's and Newcombe's intervals and McNemar's test hold for a number of episodes that was fixed beforehand. Who looks
after every episode and stops at a result he likes needs confidence sequences: with probability 95 % *all* of their
intervals contain the true value, whenever one looks or stops. They are wider, by a factor of 1.2 to 1.8.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.statistics.betting import LEVEL, log_capital, mean_bounds

_RATE = np.array([1.0, -1.0])  # success, failure: a rate is (1 + mean) / 2
_DIFFERENCE = np.array([1.0, 0.0, -1.0])  # won, neither, lost


@dataclass(frozen=True)
class ConfidenceSequence:
    """A figure after each of n episodes, with intervals that together hold with 95 %.

    Attributes:
        value: (n,) the figure so far.
        low, high: (n,) the interval, the intersection of all so far: it never widens.
        contradicted: number of the episode from which on the intersection is empty, so that the rate cannot have been
            constant (or the 5 % happened); the interval is then the last before it. None: no contradiction.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    contradicted: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return value and interval after the last episode, and the number of episodes."""
        value, low, high = (float(each[-1]) for each in (self.value, self.low, self.high))
        return {"value": value, "low": low, "high": high, "count": len(self.value), "contradicted": self.contradicted}


@dataclass(frozen=True)
class SequentialDifference:
    """Paired difference of two policies' success rates after each of n episodes, second minus first.

    Attributes:
        sequence: the difference, within [-1, 1], with its intervals.
        evidence: (n,) e-process against no difference: the likelihood of the episodes won and lost if one policy wins
            more of them (mixture of rates, Beta(1/2, 1/2)), by that of a fair coin. It reaches 20 with probability of
            at most 5 % if both policies are equal, however often one looks.
        settled: number of the episode after which it had reached 20; None: not yet.
    """

    sequence: ConfidenceSequence
    evidence: np.ndarray
    settled: int | None

    @property
    def p_value(self) -> float:
        """Return the anytime-valid p-value, 1 / the largest evidence so far."""
        return min(1.0, 1 / float(self.evidence.max()))

    def to_dict(self) -> dict[str, Any]:
        """Return difference and interval after the last episode, p-value and evidence."""
        evidence = float(self.evidence[-1])
        more = {"evidence": evidence, "p_value": self.p_value, "settled_after": self.settled}
        return {**self.sequence.to_dict(), **more}


def sequential_rate(successes: np.ndarray) -> ConfidenceSequence:
    """Return the success rate after each episode.

    Args:
        successes: (n,) bool in the order in which the episodes happened.

    Raises:
        ValueError: there is no episode.
    """
    value, low, high, contradicted = _sequence(_RATE, _counts(np.where(successes, 1.0, -1.0), _RATE))
    return ConfidenceSequence((1 + value) / 2, (1 + low) / 2, (1 + high) / 2, contradicted)


def sequential_difference(first: np.ndarray, second: np.ndarray) -> SequentialDifference:
    """Return the paired difference, second minus first, after each episode.

    Args:
        first, second: (n,) bool, successes in the same episodes, in the order in which they happened.

    Raises:
        ValueError: there is no episode, or n is unequal.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape:
        raise ValueError(f"a paired difference needs the same episodes of both, not {first.shape} and {second.shape}")
    counts = _counts(second.astype(float) - first, _DIFFERENCE)
    evidence = np.exp(np.minimum(log_capital(_DIFFERENCE, counts, np.zeros(len(counts))), 700.0))
    settled = np.flatnonzero(evidence >= 1 / LEVEL)
    sequence = ConfidenceSequence(*_sequence(_DIFFERENCE, counts))
    return SequentialDifference(sequence, evidence, int(settled[0]) + 1 if len(settled) else None)


def _counts(observed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return (n, V) how often each value occurred so far."""
    if observed.ndim != 1 or not len(observed):
        raise ValueError(f"a confidence sequence needs at least one episode, not {observed.shape}")
    return np.cumsum(observed[:, None] == values, 0)


def _sequence(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int | None]:
    """Return means, and the bounds of the running intersection until it is empty, and since which value it is."""
    low, high = mean_bounds(values, counts)
    low, high = np.maximum.accumulate(low), np.minimum.accumulate(high)
    empty, contradicted = np.flatnonzero(low > high), None
    if len(empty):
        first = int(empty[0])
        low[first:], high[first:], contradicted = low[first - 1], high[first - 1], first + 1
    return counts @ values / counts.sum(1), low, high, contradicted
