"""The gate: an adaptation is promoted only if it is significantly better on held-out recordings."""

from dataclasses import dataclass

import numpy as np

from sim2real.statistics.agreement import METRIC_NAMES, Agreement, Estimate, gain_free
from sim2real.statistics.units import FEWEST

ROUNDING = 1e-6  # differences below this are rounding errors, as between scaled predictions of one policy


@dataclass(frozen=True)
class Decision:
    """The decision of the gate.

    Attributes:
        promoted: whether the plan's policy is used.
        candidate: the candidate to use: the plan, or the better of the others.
        reason: one sentence.
        against: candidate -> paired difference of the criterion over units, plan minus candidate; below 0: the plan is
            better.
        seeing: candidate -> the same for the gain-free error.
    """

    promoted: bool
    candidate: str
    reason: str
    against: dict[str, Estimate]
    seeing: dict[str, Estimate]


def unjudged(criterion: str) -> str:
    """Return the candidate to use without test frames: zero-shot, or the gain if drivers have individual scales.

    Args:
        criterion: the metric by which candidates are compared.
    """
    return "gain" if gain_free(criterion) else "zero-shot"


def decide(agreement: Agreement, predictions: dict[str, np.ndarray], plan: str) -> Decision:
    """Promote the plan only if it is significantly better than the controls.

    If drivers have individual scales (the agreement's criterion is a gain-free error), the plan must have a smaller
    gain-free error than zero-shot + gain, no larger plain error (both learned their scale from the same frames), and no
    larger gain-free error than training from scratch. The error after the best gain of each candidate measures
    perception, independent of the driver's scale. With known units, the plan must have a smaller plain and gain-free
    error than zero-shot, and no larger gain-free error than scratch: a policy with smaller motions has a smaller plain
    error (regression to the mean) without better perception, and fails at the task. A gain alone is never promoted
    there.

    Args:
        predictions: predictions of "zero-shot", "gain", "scratch" and the plan, for `Agreement.measure`.
    """
    evidence = _weigh(agreement, predictions, plan)
    units = agreement.units
    if len(units) < FEWEST:
        return evidence.keep(evidence.scaled, f"{units.called('held-out')} are not enough, {FEWEST} are needed")
    return _decide_on_gain(evidence) if plan == "gain" else _decide_on_plan(evidence)


@dataclass(frozen=True)
class _Evidence:
    """Paired differences of errors, negative if the first is better, and their names.

    Attributes:
        plain, criterion, clear: names of the plain, the deciding and the gain-free error.
        own_scale: whether drivers have individual scales.
        reference: the candidate that the plan must beat.
        against, seeing: plan minus each other candidate, by the criterion and by the gain-free error.
        gain: gain minus zero-shot, plain error.
        scale: plan minus gain, plain error.
        scratch: scratch minus the reference, gain-free error.
    """

    plan: str
    plain: str
    criterion: str
    clear: str
    own_scale: bool
    reference: str
    against: dict[str, Estimate]
    seeing: dict[str, Estimate]
    gain: Estimate
    scale: Estimate
    scratch: Estimate

    @property
    def scaled(self) -> str:
        """Return the better of zero-shot and gain."""
        return "gain" if self.own_scale and _below(self.gain) else "zero-shot"

    def keep(self, candidate: str, reason: str) -> Decision:
        return Decision(False, candidate, reason, self.against, self.seeing)

    def promote(self, reason: str) -> Decision:
        return Decision(True, self.plan, reason, self.against, self.seeing)


def _weigh(agreement: Agreement, predictions: dict[str, np.ndarray], plan: str) -> _Evidence:
    criterion = agreement.criterion
    plain, own_scale = criterion.removeprefix("gain_free_"), gain_free(criterion)
    clear, reference = f"gain_free_{plain}", "gain" if own_scale else "zero-shot"

    def difference(first: str, second: str, metric: str) -> Estimate:
        return agreement.difference(predictions[first], predictions[second], metric)

    others = [candidate for candidate in predictions if candidate != plan]
    return _Evidence(
        *(plan, plain, criterion, clear, own_scale, reference),
        against={candidate: difference(plan, candidate, criterion) for candidate in others},
        seeing={candidate: difference(plan, candidate, clear) for candidate in others},
        gain=difference("gain", "zero-shot", plain),
        scale=difference(plan, "gain", plain),
        scratch=difference("scratch", reference, clear),
    )


def _decide_on_gain(evidence: _Evidence) -> Decision:
    if not evidence.own_scale:
        sight = evidence.seeing["zero-shot"]
        reason = f"with known units a gain changes only the scale ({METRIC_NAMES[evidence.clear]}, difference {sight})"
        return evidence.keep(evidence.scaled, reason)
    measured = f"({METRIC_NAMES[evidence.plain]}, difference {evidence.gain})"
    if _below(evidence.gain):
        return evidence.promote(f"better than zero-shot {measured}")
    return evidence.keep(evidence.scaled, f"not shown to be better than zero-shot {measured}")


def _decide_on_plan(evidence: _Evidence) -> Decision:
    fallback = "scratch" if _below(evidence.scratch) else evidence.scaled
    called = "zero-shot + gain" if evidence.own_scale else "zero-shot"
    difference, sight = evidence.against[evidence.reference], evidence.seeing[evidence.reference]
    clear = METRIC_NAMES[evidence.clear]
    measured = f"{METRIC_NAMES[evidence.criterion]}, difference {difference}"
    if not _below(difference):
        worse = "worse than" if _above(difference) else "not shown to be better than"
        return evidence.keep(fallback, f"{worse} {called} ({measured})")
    if not _below(sight):
        sees = "is worse after the best gain" if _above(sight) else "is not shown to be better after the best gain"
        reason = f"a smaller error than {called} ({measured}) but {sees} ({clear}, difference {sight})"
        return evidence.keep(fallback, f"{reason}: smaller motions alone reduce the error")
    if evidence.own_scale and _above(evidence.scale):
        scale = f"{METRIC_NAMES[evidence.plain]}, difference {evidence.scale}"
        return evidence.keep(fallback, f"better than {called} after the best gain, but with a worse scale ({scale})")
    if evidence.plan != "scratch" and _above(more := evidence.seeing["scratch"]):
        return evidence.keep("scratch", f"worse than training from scratch ({clear}, difference {more})")
    measured += "" if evidence.own_scale else f"; {clear}, difference {sight}"
    return evidence.promote(f"better than {called} ({measured})")


def _below(difference: Estimate) -> bool:
    return difference.high is not None and difference.high < -ROUNDING


def _above(difference: Estimate) -> bool:
    return difference.low is not None and difference.low > ROUNDING
