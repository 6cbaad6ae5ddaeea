"""The gate: an adaptation is promoted only if held-out recordings show that it is better."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from sim2real.statistics.agreement import METRIC_NAMES, Agreement, Estimate, gain_free
from sim2real.statistics.units import FEWEST

ROUNDING = 1e-6  # differences that are none: of one policy's predictions, scaled


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        promoted: whether the plan's policy is the one to use.
        arm: the arm to use: the plan, or the better of the others.
        reason: one sentence.
        against: arm -> difference of the criterion, plan minus arm, paired over units; below 0: plan better.
        seeing: arm -> the same of the gain-free error.
    """

    promoted: bool
    arm: str
    reason: str
    against: dict[str, Estimate]
    seeing: dict[str, Estimate]


def unjudged(criterion: str) -> str:
    """The arm to use where nothing can be judged: the policy as it came, but for the scale of who was recorded."""
    return "gain" if gain_free(criterion) else "zero-shot"


def judge(agreement: Agreement, predictions: dict[str, np.ndarray], plan: str) -> Verdict:
    """Promote the plan only if it is better than the controls beyond doubt.

    Where people have scales of their own (the agreement's criterion is a gain-free error), it must have a smaller
    gain-free error than zero-shot + gain, no larger error than that as it is (both learned their scale from the same
    frames), and no larger gain-free error than training from scratch. What is left when every arm has its best gain is
    seeing, not the scale of who was recorded. Where commands are in known units, it must have a smaller error than
    zero-shot both as it is and gain-free, and no larger gain-free error than scratch: whoever does less has a smaller
    error (regression to the mean), sees no better for it, and gets no robot anywhere. A gain alone is never promoted
    there.

    Args:
        predictions: of the arms "zero-shot", "gain", "scratch" and of the plan, as `Agreement.measure` takes them.
    """
    metric = agreement.criterion
    plain, own_scale = metric.removeprefix("gain_free_"), gain_free(metric)
    clear = f"gain_free_{plain}"
    others = {arm: p for arm, p in predictions.items() if arm != plan}
    against, seeing = (
        {arm: agreement.difference(predictions[plan], p, name) for arm, p in others.items()} for name in (metric, clear)
    )
    verdict = partial(Verdict, against=against, seeing=seeing)
    gain = agreement.difference(predictions["gain"], predictions["zero-shot"], plain)
    fallback = "gain" if own_scale and _below(gain) else "zero-shot"
    if len(agreement.units) < FEWEST:
        return verdict(False, fallback, f"{agreement.units.called('held-out')} prove nothing, {FEWEST} are needed")
    if plan == "gain" and not own_scale:
        reason = f"in known units a gain sees no better ({METRIC_NAMES[clear]}, difference {seeing['zero-shot']})"
        return verdict(False, fallback, reason)
    if plan == "gain":
        better = "" if _below(gain) else "not shown to be "
        return verdict(
            _below(gain), fallback, f"{better}better than zero-shot ({METRIC_NAMES[plain]}, difference {gain})"
        )
    reference, called = ("gain", "zero-shot + gain") if own_scale else ("zero-shot", "zero-shot")
    if _below(agreement.difference(predictions["scratch"], predictions[reference], clear)):
        fallback = "scratch"
    difference = against[reference]
    measured = f"{METRIC_NAMES[metric]}, difference {difference}"
    if not _below(difference):
        worse = "worse than" if _above(difference) else "not shown to be better than"
        return verdict(False, fallback, f"{worse} {called} ({measured})")
    if not _below(sight := seeing[reference]):
        sees = "sees worse" if _above(sight) else "is not shown to see better"
        reason = f"it errs less than {called} ({measured}) but {sees} ({METRIC_NAMES[clear]}, difference {sight})"
        return verdict(False, fallback, f"{reason}: whoever moves less errs less")
    scale = agreement.difference(predictions[plan], predictions["gain"], plain)
    if own_scale and _above(scale):
        reason = f"it sees better than {called}, but its scale is worse ({METRIC_NAMES[plain]}, difference {scale})"
        return verdict(False, fallback, reason)
    if plan != "scratch" and _above(more := seeing["scratch"]):
        reason = f"worse than training from scratch ({METRIC_NAMES[clear]}, difference {more})"
        return verdict(False, "scratch", reason)
    measured += "" if own_scale else f"; {METRIC_NAMES[clear]}, difference {sight}"
    return verdict(True, plan, f"better than {called} ({measured})")


def _below(difference: Estimate) -> bool:
    return difference.high is not None and difference.high < -ROUNDING


def _above(difference: Estimate) -> bool:
    return difference.low is not None and difference.low > ROUNDING
