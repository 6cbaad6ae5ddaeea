"""Sample size: how many more episodes a comparison of two policies needs."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom

from sim2real.statistics.rates import RateDifference

LEVEL, POWER = 0.05, 0.8
REPEATED = (
    "adding episodes and testing again about doubles the rate of false positives (simulated: 5.9 % after three rounds,"
    " 2.8 % after one); a test on new episodes only does not"
)
MOST = 1_000_000  # largest number of episodes that is considered


@dataclass(frozen=True)
class Settling:
    """The number of episodes that a comparison still needs.

    Attributes:
        more: number of further episodes; 0 if the comparison is settled, None if no number can be given.
        total: total number of episodes; None if no number can be given.
        text: the same in words.
    """

    more: int | None
    total: int | None
    text: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def power(episodes: int, discordant: float, difference: float) -> float:
    """Return the exact power of the exact McNemar test at 5 %.

    Args:
        episodes: number of paired episodes.
        discordant: share of episodes in which exactly one of the two policies succeeds.
        difference: difference of their success rates, at most `discordant`.
    """
    middle, sd = episodes * discordant, math.sqrt(episodes * discordant * (1 - discordant))
    low, high = max(0, math.floor(middle - 8 * sd - 1)), min(episodes, math.ceil(middle + 8 * sd + 1))
    k = np.arange(low, high + 1)
    # The test rejects if at most `few` of k discordant episodes were won, or at most as many lost.
    few = binom.ppf(LEVEL / 2, k, 0.5)
    few = np.where(2 * binom.cdf(few, k, 0.5) <= LEVEL, few, few - 1)
    won = (1 + min(abs(difference) / discordant, 1.0)) / 2
    detected = binom.cdf(few, k, won) + binom.sf(k - few - 1, k, won)
    return float((binom.pmf(k, episodes, discordant) * np.where(few < 0, 0.0, detected)).sum())


def sample_size(discordant: float, difference: float) -> int | None:
    """Return the fewest paired episodes at which `power` reaches 80 %; None for more than a million."""
    difference = abs(difference)
    if difference <= 0:
        return None
    low, high = 1, 8
    while power(high, discordant, difference) < POWER:
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, discordant, difference) >= POWER else (middle, high)
    return high if high <= MOST else None


def settle(difference: RateDifference) -> Settling:
    """Compute how many more episodes would settle a paired comparison, if the observed rates are the true ones.

    Uses the exact power of the exact McNemar test (two-sided, 5 %) at the observed share of discordant episodes. Adding
    these episodes and testing again is optional stopping: over three rounds false positives rise from 2.8 % to 5.9 %,
    which the text states (Armitage, McPherson & Rowe 1969).
    """
    n, apart = difference.count, difference.won + difference.lost
    if difference.p_value < LEVEL:
        known = "provided that the number of episodes was fixed before the first result was known"
        return Settling(0, n, f"settled at 5 %: p = {difference.p_value:.2g}, {known}")
    if not apart:
        most = 100 * (1 - LEVEL ** (1 / n))
        text = f"equal outcomes in all {n} episodes: the policies differ in less than {most:.1f} % at 95 % confidence"
        return Settling(None, None, f"{text}; no number of episodes can be given")
    if difference.won == difference.lost:
        return Settling(None, None, _no_difference(n, apart))
    total = sample_size(apart / n, difference.value)
    seen = f"if the observed {100 * abs(difference.value):.1f} points are the true difference"
    if total is None:
        return Settling(None, None, f"{seen}, a million episodes would not settle it")
    # At least 1: a test that just failed may, by chance, already have the average number of episodes.
    more = max(total - n, 1)
    text = f"{seen}, about {more:,} more episodes ({n + more:,} in total) would settle it with 80 % power at 5 %"
    text = f"{text}; {REPEATED}"
    return Settling(more, n + more, text)


def _no_difference(n: int, apart: int) -> str:
    text = f"no difference was observed ({apart // 2} episodes each way): no number of episodes can be given"
    share = apart / n
    if power(n, share, share) < POWER:
        return f"{text}; {n} episodes with {apart} different outcomes are too few to find any difference"
    least = brentq(lambda d: power(n, share, d) - POWER, 1e-9 * share, share, xtol=1e-4)
    return f"{text}; these {n} episodes would show a difference of {100 * least:.1f} points with 80 % power"
