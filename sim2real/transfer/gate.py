"""The gate: an adaptation is promoted only if held-out recordings show that it is better."""

from dataclasses import dataclass

import numpy as np

from sim2real.statistics.agreement import METRIC_NAMES, Agreement, Estimate, gain_free
from sim2real.statistics.units import FEWEST

ROUNDING = 1e-6  # differences that are none: of one policy's predictions, scaled


@dataclass(frozen=True)
class Decision:
    """What the gate decided.

    Attributes:
        promoted: whether the plan's policy is the one to use.
        candidate: the one to use: the plan, or the better of the others.
        reason: one sentence.
        against: candidate -> difference of the criterion, plan minus candidate, paired over units; below 0: plan
            better.
        seeing: candidate -> the same of the gain-free error.
    """

    promoted: bool
    candidate: str
    reason: str
    against: dict[str, Estimate]
    seeing: dict[str, Estimate]


def unjudged(criterion: str) -> str:
    """Return the candidate to use where nothing can be judged: the policy as it came, but for a scale of people's own.

    Args:
        criterion: the metric by which candidates are told apart.
    """
    return "gain" if gain_free(criterion) else "zero-shot"


def decide(agreement: Agreement, predictions: dict[str, np.ndarray], plan: str) -> Decision:
    """Promote the plan only if it is better than the controls beyond doubt.

    Where people have scales of their own (the agreement's criterion is a gain-free error), it must have a smaller
    gain-free error than zero-shot + gain, no larger error than that as it is (both learned their scale from the same
    frames), and no larger gain-free error than training from scratch. What is left when every candidate has its best
    gain is seeing, not the scale of who was recorded. Where commands are in known units, it must have a smaller error
    than zero-shot both as it is and gain-free, and no larger gain-free error than scratch: a policy that moves less has
    a smaller error (regression to the mean), but sees no better, and does not do the task. A gain alone is never
    promoted there.

    Args:
        predictions: of the candidates "zero-shot", "gain", "scratch" and of the plan, as `Agreement.measure` takes
            them.
    """
    evidence = _weigh(agreement, predictions, plan)
    units = agreement.units
    if len(units) < FEWEST:
        return evidence.keep(evidence.scaled, f"{units.called('held-out')} prove nothing, {FEWEST} are needed")
    return _decide_on_gain(evidence) if plan == "gain" else _decide_on_plan(evidence)


@dataclass(frozen=True)
class _Evidence:
    """Paired differences of errors, below 0 where the first has the smaller one, and what they are called.

    Attributes:
        plain, criterion, clear: metrics: the error as it is, the one that decides, the gain-free one.
        own_scale: whether people have scales of their own.
        reference: the candidate that the plan has to beat.
        against, seeing: the plan minus each other candidate, by criterion and by the gain-free error.
        gain: the gain minus zero-shot, plain.
        scale: the plan minus the gain, plain.
        scratch: scratch minus the reference, gain-free.
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
        """The better of zero-shot and gain."""
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
        reason = f"in known units a gain sees no better ({METRIC_NAMES[evidence.clear]}, difference {sight})"
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
        sees = "sees worse" if _above(sight) else "is not shown to see better"
        reason = f"it errs less than {called} ({measured}) but {sees} ({clear}, difference {sight})"
        return evidence.keep(fallback, f"{reason}: whoever moves less errs less")
    if evidence.own_scale and _above(evidence.scale):
        scale = f"{METRIC_NAMES[evidence.plain]}, difference {evidence.scale}"
        return evidence.keep(fallback, f"it sees better than {called}, but its scale is worse ({scale})")
    if evidence.plan != "scratch" and _above(more := evidence.seeing["scratch"]):
        return evidence.keep("scratch", f"worse than training from scratch ({clear}, difference {more})")
    measured += "" if evidence.own_scale else f"; {clear}, difference {sight}"
    return evidence.promote(f"better than {called} ({measured})")


def _below(difference: Estimate) -> bool:
    return difference.high is not None and difference.high < -ROUNDING


def _above(difference: Estimate) -> bool:
    return difference.low is not None and difference.low > ROUNDING
