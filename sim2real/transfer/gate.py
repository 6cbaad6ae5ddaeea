"""The gate: an adaptation is promoted only if held-out recordings show that it is better."""

from dataclasses import dataclass

import numpy as np

from sim2real.statistics.agreement import METRIC_NAMES, Agreement, Estimate, gain_free
from sim2real.statistics.units import FEWEST


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        promoted: whether the plan's policy is the one to use.
        arm: the arm to use: the plan, or the better of the others.
        reason: one sentence.
        against: arm -> difference of the criterion, plan minus arm, paired over units; below 0: plan better.
    """

    promoted: bool
    arm: str
    reason: str
    against: dict[str, Estimate]


def unjudged(criterion: str) -> str:
    """The arm to use where nothing can be judged: the policy as it came, but for the scale of who was recorded."""
    return "gain" if gain_free(criterion) else "zero-shot"


def judge(agreement: Agreement, predictions: dict[str, np.ndarray], plan: str) -> Verdict:
    """Promote the plan only if it is better than the controls beyond doubt.

    Where people have scales of their own (the agreement's criterion is a gain-free error), it must have a smaller
    gain-free error than zero-shot + gain, no larger error than that as it is (both learned their scale from the same
    frames), and no larger gain-free error than training from scratch. What is left when every arm has its best gain is
    seeing, not the scale of who was recorded. Where commands are in known units, it must have a smaller error than
    zero-shot, and see no worse than scratch (gain-free); a gain would only make the robot's motions smaller.

    Args:
        predictions: of the arms "zero-shot", "gain", "scratch" and of the plan, as `Agreement.measure` takes them.
    """
    metric = agreement.criterion
    plain, own_scale = metric.removeprefix("gain_free_"), gain_free(metric)
    reference, called = ("gain", "zero-shot + gain") if own_scale else ("zero-shot", "zero-shot")
    free, raw = METRIC_NAMES[metric], METRIC_NAMES[plain]
    against = {arm: agreement.difference(predictions[plan], p, metric) for arm, p in predictions.items() if arm != plan}
    gain = agreement.difference(predictions["gain"], predictions["zero-shot"], plain)
    fallback = "gain" if _below(gain) and (own_scale or plan == "gain") else "zero-shot"
    if len(agreement.units) < FEWEST:
        reason = f"{agreement.units.called('held-out')} prove nothing, {FEWEST} are needed"
        return Verdict(False, fallback, reason, against)
    if plan == "gain":
        better = "" if _below(gain) else "not shown to be "
        return Verdict(_below(gain), fallback, f"{better}better than zero-shot ({raw}, difference {gain})", against)
    # In known units, too, the control must see better: to do little has a small error, and gets no robot anywhere.
    seeing = metric if own_scale else "gain_free_rmse"
    if _below(agreement.difference(predictions["scratch"], predictions[reference], seeing)):
        fallback = "scratch"
    difference = against[reference]
    if not _below(difference):
        worse = "worse than" if _above(difference) else "not shown to be better than"
        return Verdict(False, fallback, f"{worse} {called} ({free}, difference {difference})", against)
    scale = agreement.difference(predictions[plan], predictions["gain"], plain)
    if own_scale and _above(scale):
        reason = f"it sees better than zero-shot + gain, but its scale is worse ({raw}, difference {scale})"
        return Verdict(False, fallback, reason, against)
    if plan != "scratch" and _above(more := agreement.difference(predictions[plan], predictions["scratch"], seeing)):
        reason = f"worse than training from scratch ({METRIC_NAMES[seeing]}, difference {more})"
        return Verdict(False, "scratch", reason, against)
    return Verdict(True, plan, f"better than {called} ({free}, difference {difference})", against)


def _below(difference: Estimate) -> bool:
    return difference.high is not None and difference.high < 0


def _above(difference: Estimate) -> bool:
    return difference.low is not None and difference.low > 0
