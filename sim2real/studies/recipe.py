"""The recipe of the parts freeze-depth and learning-rate: that of training from scratch, also with copied weights.

No penalty, no simulated frames, no gain that is fitted before: fits differ in their initial weights, in their learning
rates and in the parts that are trained, and in nothing else.
"""

import dataclasses
from collections.abc import Iterable

from sim2real.transfer.fitting.plans import PARTS, TransferPlan, find_plan

SCRATCH = "scratch"


def scratch_plan(factor: float = 1.0) -> TransferPlan:
    """Return the recipe from scratch, with this multiple of the plan scratch's learning rate."""
    plan = find_plan(SCRATCH)
    return dataclasses.replace(
        plan, name=f"{SCRATCH}-{factor:g}", about="", learning_rate=factor * plan.learning_rate, rescale=False
    )


def copied_plan(factor: float = 1.0, trained: Iterable[str] = PARTS) -> TransferPlan:
    """Return the recipe with copied weights, with this multiple of the plan scratch's learning rate.

    Args:
        trained: the parts that are trained; the others stay as they are.
    """
    plan = scratch_plan(factor)
    return dataclasses.replace(plan, name=f"copied-{factor:g}", reset=(), rates=dict.fromkeys(trained, 1.0))
