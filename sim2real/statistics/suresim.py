"""A success rate from few real trials, each paired with a simulated one, and many more simulated trials.

The rate in simulation is known well from many trials; how far reality differs is measured on the pairs. The estimate is
the simulated rate plus the mean paired difference, real minus simulated, whatever the simulation's bias (SureSim, arXiv
2510.04354; prediction-powered inference, arXiv 2311.01453). The simulation has the fixed weight 1: one fitted to 20
pairs, with a normal interval, covered 82 % instead of 95 %. With weight 1 it helps if real and simulated outcomes
correlate with more than 1/2. Two intervals are computed:

- the combined one: Newcombe's (1998) of the paired difference and Wilson's of the simulated rate, which are
  independent, combined as Newcombe combines. Simulated over rates of 0.3 to 0.95, biases of ±0.1 and correlations of
  0 to 0.97, it covered at least 94.5 % with 30, 50 and 100 trials (Wilson's own: 92.7 %), but 93.4 % with 20. Among
  those that are not refused, 93.9 % where that is at least every second, but 87 % where it is few, whose pairs agreed
  by chance: never pick the narrower interval, always show both;
- one with a guarantee, by bets (`betting`, 4.5 %) and Clopper & Pearson (0.5 %): it covers 99.5 % and more, and is
  hardly ever narrower than Wilson's.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, norm

from sim2real.statistics.betting import LEVEL, mean_bounds
from sim2real.statistics.rates import Rate, RateDifference

FEWEST = 30  # real trials; with 20 the combined interval covers as little as 93.4 %
CORRELATION = 0.5  # above it, the simulated trials of a pair take away more variance than they add
CONFIDENCE = 0.9  # that the correlation is above it
_SIMULATED = 0.1  # share of the level for the simulated rate


@dataclass(frozen=True)
class SureSim:
    """The combined interval of a real success rate, beside Wilson's of the real trials alone.

    Attributes:
        value: simulated rate plus the mean paired difference, within [0, 1].
        low, high: combined 95 % interval.
        guaranteed_low, guaranteed_high: interval by bets, which covers at least 95 % for any number of trials.
        wilson: the real trials alone.
        correlation: of real and simulated outcomes of the pairs; None where one of them never varies.
        simulated: number of further simulated trials.
        refused: why the combined interval is not to be used, in words; empty: it is.
    """

    value: float
    low: float
    high: float
    guaranteed_low: float
    guaranteed_high: float
    wilson: Rate
    correlation: float | None
    simulated: int
    refused: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        if self.refused:
            return f"no combined interval: {self.refused}"
        interval = f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"
        return f"{interval} of {self.wilson.count} real, each paired, and {self.simulated} simulated trials"


def suresim(real: np.ndarray, paired: np.ndarray, further: np.ndarray) -> SureSim:
    """Combine real with simulated trials, or say why that does not help.

    The starts of all trials must be drawn in the same way: the further ones stand for the same mean as the paired.
    Pairs beyond the number that was planned, or left out because of their outcome, make the interval wrong.

    Args:
        real: (n,) bool, successes of the real trials.
        paired: (n,) bool, of the simulated trials from the same starts.
        further: (N,) bool, of simulated trials from other starts.

    Raises:
        ValueError: no trial, or not one simulated per real trial.
    """
    real, paired, further = (np.asarray(each, bool) for each in (real, paired, further))
    if further.ndim != 1 or not len(further):
        raise ValueError(f"the simulated rate needs at least one further trial, not {further.shape}")
    difference, wilson = RateDifference.of(paired, real), Rate.of(int(real.sum()), len(real))
    rate = Rate.of(int(further.sum()), len(further))
    below = math.hypot(difference.value - difference.low, rate.value - rate.low)
    above = math.hypot(difference.high - difference.value, rate.high - rate.value)
    total = difference.value + rate.value
    value, low, high = (min(max(each, 0.0), 1.0) for each in (total, total - below, total + above))
    vary = all(0 < each.sum() < len(each) for each in (real, paired))
    correlation = float(np.corrcoef(real, paired)[0, 1]) if vary else None
    refused = _refusal(len(real), correlation, high - low, wilson)
    return SureSim(value, low, high, *_by_bets(difference, further), wilson, correlation, len(further), refused)


def _refusal(count: int, correlation: float | None, width: float, wilson: Rate) -> str:
    if count < FEWEST:
        return f"it needs at least {FEWEST} real trials with a simulated pair, there are {count}"
    if correlation is None:
        return "the outcomes of the pairs do not vary, so that simulation cannot explain any of it"
    clipped = min(max(correlation, -1 + 1e-9), 1 - 1e-9)
    surely = math.tanh(math.atanh(clipped) - norm.ppf(CONFIDENCE) / math.sqrt(count - 3))  # Fisher's z
    if surely <= CORRELATION:
        known = f"at least {surely:.2f} with {100 * CONFIDENCE:.0f} % confidence"
        return f"real and simulated outcomes correlate with {correlation:.2f}, {known}; it needs {CORRELATION}"
    own = wilson.high - wilson.low
    if width >= own:
        return f"it is not narrower than Wilson's ({100 * width:.1f} and {100 * own:.1f} points)"
    return ""


def _by_bets(difference: RateDifference, further: np.ndarray) -> tuple[float, float]:
    """Return the bounds with a guarantee, by Bonferroni."""
    counts = [difference.won, difference.count - difference.won - difference.lost, difference.lost]
    (low,), (high,) = mean_bounds(np.array([1.0, 0.0, -1.0]), np.array([counts]), LEVEL * (1 - _SIMULATED))
    exact = binomtest(int(further.sum()), len(further)).proportion_ci(1 - LEVEL * _SIMULATED, method="exact")
    bounds = np.clip([low + exact.low, high + exact.high], 0.0, 1.0)
    return float(bounds[0]), float(bounds[1])
