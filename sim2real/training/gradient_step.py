"""One gradient step of a policy in simulation: warm-up and cosine decay, clipped gradients, averaged weights."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from policies.policy import Policy
from sim2real.training.losses import multi_task_loss
from sim2real.training.precision import bf16_autocast
from sim2real.training.pretrain_config import DistillationConfig


class Learner(Protocol):
    """What a step changes: `policy` and `average`, its averaged weights; `update` counts the steps done before."""

    policy: Policy
    average: Policy
    optimizer: torch.optim.AdamW
    config: DistillationConfig
    update: int


def gradient_step(
    learner: Learner,
    images: Tensor,
    labels: Mapping[str, Tensor],
    weights: Mapping[str, float],
    state: Tensor | None = None,
) -> dict[str, float]:
    """Do one step on a batch and return its losses, by name, and the learning rate.

    Args:
        images: (n, H, W, 3) uint8.
        labels, weights: as in `multi_task_loss`.
        state: (n, S), which is ignored by a policy without a state input.
    """
    policy, config = learner.policy, learner.config
    progress = learner.update / config.updates
    rate = config.learning_rate * min(progress / 0.05 + 0.02, 1.0) * 0.5 * (1 + np.cos(np.pi * progress))
    for group in learner.optimizer.param_groups:
        group["lr"] = rate
    device = next(policy.parameters()).device
    labels = {name: value.to(device) for name, value in labels.items()}
    heads = policy.config.heads
    given = state.to(device) if heads.state and state is not None else None
    policy.train()
    with bf16_autocast(device, config.bf16):
        outputs = policy(images.to(device), given)
    loss, parts = multi_task_loss(outputs, labels, weights, masks=tuple(heads.masks))
    learner.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    learner.optimizer.step()
    decay = min(config.ema, learner.update / (learner.update + 10))
    with torch.no_grad():
        for mean, value in zip(learner.average.parameters(), policy.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
    return {"loss": float(loss.detach()), "learning_rate": rate, **{name: float(x) for name, x in parts.items()}}
