"""Capital of bets on the mean of bounded values, and the means that no bet has refuted.

Who bets against the true mean m with stakes fixed before each value cannot expect to gain: the capital is a nonnegative
martingale that starts at 1, and so, with probability 95 %, never reaches 20 (Ville 1939). The means at which it did not
are an interval that may be looked at after every value (Waudby-Smith & Ramdas 2024, "Estimating means of bounded random
variables by betting", JRSS B 86:1-27; their hedged grid of bets). Half of the capital bets on a larger mean, half on a
smaller one, spread over bets in such a way that for values of 0 and 1 and a mean of 1/2 the capital is the Beta(1/2,
1/2) mixture of likelihood ratios. It depends on how often each value occurred, not on their order, and is convex in m,
so that what remains is an interval. `confseq` bets on one sequence and one mean at a time, on a grid of means, and
builds C++.
"""

import numpy as np
from scipy.special import xlogy

LEVEL = 0.05
_BETS = np.sin(np.pi / 2 * (np.arange(64) + 0.5) / 64)  # share of the capital at stake; arcsine distributed
_HALVINGS = 32


def log_capital(values: np.ndarray, counts: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the logarithm (n,) of the capital that was won against supposed means.

    Args:
        values: (V,) the possible values, within [-1, 1].
        counts: (n, V) how often each occurred.
        mean: (n,) supposed mean, within [-1, 1].
    """
    sides = [(values, mean), (-values, -mean)]  # bets on a larger mean, and on a smaller one
    logs = np.concatenate([_log_capitals(*side, counts) for side in sides], 1)
    most = logs.max(1)
    return most + np.log(np.exp(logs - most[:, None]).mean(1))


def _log_capitals(values: np.ndarray, mean: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return log capitals (n, bets) of those who bet that the mean is larger than supposed."""
    total = np.zeros((len(counts), len(_BETS)))
    room = np.maximum(1 + mean, 1e-300)[:, None]
    for value, count in zip(values, counts.T, strict=True):
        total += xlogy(count[:, None], 1 - _BETS + _BETS * (1 + value) / room)
    return total


def mean_bounds(values: np.ndarray, counts: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds (n,), (n,) of the means against which the capital is below 1 / level, by bisection.

    Args:
        values: (V,) the possible values, within [-1, 1].
        counts: (n, V) how often each occurred, at least one value.
        level: probability that any of the intervals of one sequence misses the mean.
    """
    observed = counts @ values / counts.sum(1)  # against it no bet has gained: it lies inside
    low, high = (_bound(values, counts, observed, end, level) for end in (-1.0, 1.0))
    return low, high


def _bound(values: np.ndarray, counts: np.ndarray, inside: np.ndarray, end: float, level: float) -> np.ndarray:
    outside, inside = np.full(len(counts), end), inside.copy()
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        refuted = log_capital(values, counts, middle) >= -np.log(level)
        outside, inside = np.where(refuted, middle, outside), np.where(refuted, inside, middle)
    return outside
