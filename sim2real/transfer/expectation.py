"""What a candidate's error is expected to be: a prior on what transfers, updated by cross-validation.

A candidate's error is compared with that of the reference (the pretrained policy, with a gain if drivers have
individual scales) as the logarithm of their ratio, 0 if they are equal. Before anything is fitted, the plan states
what to expect where zero-shot agrees with the recordings, and where it does not (`prior`). Cross-validation on the
learning frames measures the ratio. Both are normal, so that they combine by their precision (Bishop 2006, eq. 2.141):
few blocks have wide intervals and move the prior little; many blocks, or a large difference, decide.
"""

import math
from dataclasses import asdict, dataclass

from sim2real.statistics.agreement import Estimate
from sim2real.transfer.fitting.plans import TransferPlan

AGREES = 0.9  # correlation from which on zero-shot is as good as smoothed human steering lets it be
SPREAD_NEAR, SPREAD_FAR = 0.1, 0.25  # standard deviations of the prior
OTHER_DAYS = 0.1  # standard deviation by which the log ratio of several sessions differs from that of others
OTHER_DRIVES = 0.3  # the same for a single session, whose surroundings are soon known by heart
MEASURED_AT = 300  # frames, that the plans' expectations are stated for
Z = 1.96  # standard deviations in half a 95 % interval


@dataclass(frozen=True)
class Expectation:
    """A normal distribution of the log of (error / error of the reference).

    Attributes:
        mean: below 0: a smaller error than the reference.
        std: standard deviation.
    """

    mean: float
    std: float

    @property
    def loss(self) -> float:
        """Return the expected error as a multiple of the reference's (mean of a log-normal distribution)."""
        return math.exp(self.mean + self.std**2 / 2)

    def updated(self, measured: "Expectation") -> "Expectation":
        """Return the posterior after an independent measurement."""
        precision = self.std**-2 + measured.std**-2
        mean = (self.mean * self.std**-2 + measured.mean * measured.std**-2) / precision
        return Expectation(mean, precision**-0.5)

    def to_dict(self) -> dict[str, float]:
        """Return the attributes and the expected loss."""
        return asdict(self) | {"loss": self.loss}


def prior(plan: TransferPlan, correlation: float, frames: int) -> Expectation:
    """Return what to expect of a plan before it is fitted.

    Args:
        correlation: of the pretrained policy with the recorded actions; NaN counts as 0.
        frames: number to learn from.
    """
    agrees = min(max(correlation, 0.0) / AGREES, 1.0) if math.isfinite(correlation) else 0.0
    near, far, tenfold = plan.expected
    mean = agrees * near + (1 - agrees) * far + tenfold * math.log10(frames / MEASURED_AT)
    return Expectation(mean, agrees * SPREAD_NEAR + (1 - agrees) * SPREAD_FAR)


def measured(
    errors: Estimate, reference: Estimate, difference: Estimate, elsewhere: float = OTHER_DAYS
) -> Expectation | None:
    """Return the log ratio of two errors with its standard deviation; None if a single block gives no interval.

    Args:
        errors, reference: error of the candidate and of the reference on the same frames.
        difference: their paired difference, with its interval over independent units.
        elsewhere: standard deviation by which the log ratio differs in other sessions.
    """
    if difference.low is None or difference.high is None or min(errors.value, reference.value) <= 0:
        return None
    noise = (difference.high - difference.low) / (2 * Z) / errors.value
    return Expectation(math.log(errors.value / reference.value), math.hypot(noise, elsewhere))
