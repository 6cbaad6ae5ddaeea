"""The gate: an adaptation is promoted only if held-out episodes show that it is better."""

from dataclasses import dataclass

import numpy as np

from sim2real.agreement import Agreement, Estimate

FEWEST = 6  # held-out episodes: that all of them speak for a plan of no worth happens once in 64 times
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
    """Promote the plan only if it is better than the controls beyond doubt.

    It must have a smaller gain-free MAE than zero-shot + gain, no larger MAE than that (both learned their scale from
    the same frames), and no larger gain-free MAE than training from scratch.

    Args:
        predictions: of the arms "zero-shot", "gain", "scratch" and of the plan, each (S, n).
    """
    against = {arm: agreement.difference(predictions[plan], p, METRIC) for arm, p in predictions.items() if arm != plan}
    gain = agreement.difference(predictions["gain"], predictions["zero-shot"], "mae")
    fallback = "gain" if _below(gain) else "zero-shot"
    episodes = len(agreement.episodes)
    if episodes < FEWEST:
        reason = f"{episodes} held-out episode{'s' * (episodes > 1)} prove nothing, {FEWEST} are needed"
        return Verdict(False, fallback, reason, against)
    if plan == "gain":
        better = "" if _below(gain) else "not shown to be "
        return Verdict(_below(gain), fallback, f"{better}better than zero-shot (MAE, difference {gain})", against)
    scratch = agreement.difference(predictions["scratch"], predictions["gain"], METRIC)
    if _below(scratch):
        fallback = "scratch"
    difference = against["gain"]
    if not _below(difference):
        worse = "worse than" if _above(difference) else "not shown to be better than"
        return Verdict(False, fallback, f"{worse} zero-shot + gain (gain-free MAE, difference {difference})", against)
    scale = agreement.difference(predictions[plan], predictions["gain"], "mae")
    if _above(scale):
        reason = f"it sees better than zero-shot + gain, but its scale is worse (MAE, difference {scale})"
        return Verdict(False, fallback, reason, against)
    if plan != "scratch" and _above(against["scratch"]):
        return Verdict(
            False,
            "scratch",
            f"worse than training from scratch (gain-free MAE, difference {against['scratch']})",
            against,
        )
    return Verdict(True, plan, f"better than zero-shot + gain (gain-free MAE, difference {difference})", against)


def _below(difference: Estimate) -> bool:
    return difference.high is not None and difference.high < 0


def _above(difference: Estimate) -> bool:
    return difference.low is not None and difference.low > 0
