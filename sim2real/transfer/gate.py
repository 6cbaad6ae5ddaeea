"""The gate: an adaptation is promoted only if held-out episodes show that it is better."""

from dataclasses import dataclass

import numpy as np

from sim2real.agreement import Agreement, Estimate

METRIC = "gain_free_mae"  # what is left when every arm has its best gain: seeing, not the driver's scale


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        promoted: whether the plan's policy is the one to use.
        arm: the arm to use: the plan, or the better of the others.
        reason: one sentence.
        against: arm -> difference of the gain-free MAE, plan minus arm, paired over episodes; below 0: plan better.
    """

    promoted: bool
    arm: str
    reason: str
    against: dict[str, Estimate]


def judge(agreement: Agreement, predictions: dict[str, np.ndarray], plan: str) -> Verdict:
    """Promote the plan only if it is better than zero-shot + gain beyond doubt, and no worse than scratch.

    Args:
        predictions: of the arms "zero-shot", "gain", "scratch" and of the plan, each (S, n).
    """
    others = [arm for arm in predictions if arm != plan]
    against = {arm: agreement.difference(predictions[plan], predictions[arm], METRIC) for arm in others}
    fallback = _better(agreement, predictions, [arm for arm in ("zero-shot", "gain", "scratch") if arm in predictions])
    if any(difference.high is None for difference in against.values()):
        return Verdict(
            False, "gain" if "gain" in predictions else fallback, "a single held-out episode proves nothing", against
        )
    if plan not in ("gain", "scratch", "zero-shot"):
        gain, scratch = against["gain"], against.get("scratch")
        if _below(gain) and not (scratch and scratch.low is not None and scratch.low > 0):
            reason = f"better than zero-shot + gain by {-gain.value:.4f} [{-gain.high:.4f}, {-gain.low:.4f}]"  # type: ignore[operator]
            return Verdict(True, plan, reason, against)
        if not _below(gain):
            worse = "worse than" if gain.low is not None and gain.low > 0 else "not shown to be better than"
            return Verdict(False, fallback, f"{worse} zero-shot + gain (difference {gain})", against)
        return Verdict(False, fallback, f"worse than scratch (difference {scratch})", against)
    return Verdict(False, fallback, f"{plan} is one of the arms that every run reports", against)


def _below(difference: Estimate) -> bool:
    return difference.high is not None and difference.high < 0


def _better(agreement: Agreement, predictions: dict[str, np.ndarray], arms: list[str]) -> str:
    """The arm to fall back on: the first, unless a later one has a smaller MAE beyond doubt."""
    best = arms[0]
    for arm in arms[1:]:
        if _below(agreement.difference(predictions[arm], predictions[best], "mae")):
            best = arm
    return best
