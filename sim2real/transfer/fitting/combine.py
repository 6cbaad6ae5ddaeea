"""One policy of several fits that differ in their seed alone."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from policies.policy import Policy
from sim2real.evaluation.offline import predict_judged
from sim2real.recordings.frames import Frames
from sim2real.transfer.fitting.fit import Fitted, deviation
from sim2real.transfer.fitting.plans import TransferPlan


@dataclass(frozen=True)
class Combined:
    """The policy that stands for a candidate: it is judged and, if it is chosen, handed out.

    Attributes:
        policy: ready to act.
        seeds: that its weights come from; several: they are averaged.
        weights: the same in words.
    """

    policy: Policy
    seeds: tuple[int, ...]
    weights: str


def combine(fits: Sequence[Fitted], plan: TransferPlan, validation: Frames | None, comparable: bool) -> Combined:
    """Average the weights where it is no worse on validation frames than the best seed; otherwise take that seed.

    Policies that were fine-tuned from the same weights mostly lie in one basin of the loss, so that the average of
    their weights is as good as the best of them or better (model soups, Wortsman et al. 2022). Where parts were drawn
    anew they lie in different ones, and are not averaged.

    Args:
        fits: by seed, from 0.
        validation: frames that no fit learned from; None: there are none in common.
        comparable: whether the fits learned from the same frames, and so were validated alike.
    """
    count = len(fits)
    if count == 1 or (not plan.trained and not plan.align and comparable):
        return Combined(fits[0].policy, (0,), "one fit" if count == 1 else "the same of every seed")
    if not comparable:
        return Combined(fits[0].policy, (0,), f"seed 0 of {count}, each of which learned from frames of its own")
    if validation is None:
        errors = [min(fit.errors.values(), default=0.0) for fit in fits]
    else:
        errors = [deviation(predict_judged(fit.policy, validation), validation) for fit in fits]
    best = int(np.argmin(errors))
    if validation is not None and not plan.reset:
        mean = averaged([fit.policy for fit in fits])
        if deviation(predict_judged(mean, validation), validation) <= errors[best]:
            return Combined(mean, tuple(range(count)), f"average of {count} seeds")
    why = "the best on validation frames" if fits[best].errors else "as nothing could be validated"
    return Combined(fits[best].policy, (best,), f"seed {best} of {count}, {why}")


def averaged(policies: Sequence[Policy]) -> Policy:
    """Return a policy whose weights and buffers are the means of those of the policies, all of one configuration."""
    result = copy.deepcopy(policies[0])
    states = [policy.state_dict() for policy in policies]
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    result.load_state_dict(mean)
    return result.eval()
