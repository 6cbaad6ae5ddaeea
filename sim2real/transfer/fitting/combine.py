"""Combination of fits with different seeds into one policy."""

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
    """The policy of a candidate, which is judged and, if chosen, becomes the output.

    Attributes:
        policy: ready to act.
        seeds: seeds of its weights; several: their weights are averaged.
        weights: the same in words.
    """

    policy: Policy
    seeds: tuple[int, ...]
    weights: str


def combine(fits: Sequence[Fitted], plan: TransferPlan, validation: Frames | None, comparable: bool) -> Combined:
    """Average the weights if that is no worse on validation frames than the best seed; otherwise use the best seed.

    Policies fine-tuned from the same weights are mostly in one basin of the loss, so that the average of their weights
    is at least as good as the best of them (model soups, Wortsman et al. 2022). Parts trained from scratch are in
    different basins and are not averaged.

    Args:
        fits: fits by seed, from 0.
        validation: frames that no fit learned from; None: the fits have none in common, and the first is used.
        comparable: whether the fits learned from the same frames, and so had the same validation.
    """
    count = len(fits)
    if count == 1 or (not plan.trained and not plan.align and comparable):
        return Combined(fits[0].policy, (0,), "one fit" if count == 1 else "the same for every seed")
    if not comparable:
        return Combined(fits[0].policy, (0,), f"seed 0 of {count}, each of which learned from different frames")
    if validation is None:
        return Combined(fits[0].policy, (0,), f"seed 0 of {count}, as there are no validation frames")
    errors = [deviation(predict_judged(fit.policy, validation), validation) for fit in fits]
    best = int(np.argmin(errors))
    if not plan.reset:
        mean = averaged([fit.policy for fit in fits])
        if deviation(predict_judged(mean, validation), validation) <= errors[best]:
            return Combined(mean, tuple(range(count)), f"average of {count} seeds")
    return Combined(fits[best].policy, (best,), f"seed {best} of {count}, the best on validation frames")


def averaged(policies: Sequence[Policy]) -> Policy:
    """Return a policy with the mean weights and buffers of policies of the same configuration."""
    result = copy.deepcopy(policies[0])
    states = [policy.state_dict() for policy in policies]
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    result.load_state_dict(mean)
    return result.eval()
