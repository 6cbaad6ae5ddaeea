"""Training of a policy by a transfer plan on recorded frames."""

import copy
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from policies.encoder import reset_parameters
from policies.policy import Policy
from sim2real.evaluation.offline import BATCH
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames
from sim2real.training.losses import multi_task_loss
from sim2real.training.precision import bf16_autocast
from sim2real.transfer.fitting.batches import (
    Batch,
    Batches,
    Labelled,
    Simulated,
    aligned,
    answered,
    from_beside,
    with_mirrored,
)
from sim2real.transfer.fitting.gain import beginning
from sim2real.transfer.fitting.plans import TransferPlan

CHECKS = 10  # number of validations in a fit
REFLECTION_RATE = 10.0  # of the offset that mirrored labels are reflected about, times the plan's learning rate
DRAWING = threading.Lock()
"""Held while initial weights are drawn: torch's generator belongs to all threads."""


@dataclass
class Fitted:
    """A trained policy.

    Attributes:
        policy: ready to act.
        update: the update that was kept; 0: no update improved the policy.
        errors: update -> MAE or RMSE, by the criterion, of the judged actions on the validation frames; empty without
            validation.
        steps: gradient steps of the complete schedule; 0: nothing was trained.
    """

    policy: Policy
    update: int
    errors: dict[int, float] = field(default_factory=dict)
    steps: int = 0

    @property
    def share(self) -> float:
        """Return the share of the schedule after which the policy was best."""
        return self.update / self.steps if self.steps else 0.0


def prepare(scaled: Policy, plan: TransferPlan, seed: int) -> Policy:
    """Return a copy for training, with parts reset and frozen as in the plan.

    Args:
        scaled: the policy that the plan starts from, see `beginning`.
    """
    model = copy.deepcopy(scaled)
    with DRAWING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.encoder.reset_stages(*(part for part in plan.reset if part != "head"))
        if "head" in plan.reset:
            reset_parameters(model.heads)
        if "stem" in plan.reset:  # a policy trained from scratch has no alignment
            model.align.similarity.zero_()
    model.requires_grad_(False)
    for part in plan.trained:
        for parameter in part_parameters(model, part):
            parameter.requires_grad_(True)
    return model


def fit(
    policy: Policy,
    plan: TransferPlan,
    frames: Frames,
    validation: Frames | None = None,
    *,
    signs: np.ndarray | None = None,
    simulated: Simulated | None = None,
    recovery: Labelled | None = None,
    updates: int | None = None,
    seed: int = 0,
    cache: bool = True,
    progress: Progress = silent,
) -> Fitted:
    """Train a copy of the policy by the plan; the weights that are best on the validation frames are kept.

    The initial policy (see `beginning`) is among the candidates. Without validation frames the last weights are kept.

    Args:
        signs: (A,) -1 for actions that change sign when mirrored; None: frames are not mirrored.
        simulated: simulated frames for plans that mix them in; None: none are mixed in.
        recovery: frames from beside the line of a rebuilt track; None: none are mixed in.
        updates: stop after this number of steps; None: the complete schedule.
        cache: compute features of frozen stages once; this only saves time.

    Raises:
        InputError: the policy needs a state that the frames do not have.
    """
    scaled = beginning(policy, frames, plan, recovery)
    model = prepare(scaled, plan, seed)
    if not plan.trained:
        return Fitted(model.eval(), 0)
    views = from_beside(simulated, policy, scaled, plan, signs)
    batches = Batches(model, plan, cache, np.random.default_rng([seed, 1]), views)
    parts = [frames, *([recovery] if recovery is not None and plan.recovery else [])]
    real = [with_mirrored(each, scaled, plan, signs) for each in parts]
    batches.fill(*real, simulated=answered(simulated, policy, scaled, plan))
    learner = Learner(model, plan, signs)
    straight = torch.zeros(0 if validation is None else len(validation), dtype=torch.bool)
    checked = None if validation is None else batches.outputs(validation.images, straight)
    total = plan.steps(len(frames))
    result, last = Fitted(model, 0, steps=total), total if updates is None else min(updates, total)
    best = copy.deepcopy(model.state_dict())

    def check(update: int) -> None:
        nonlocal best
        if validation is None or checked is None:
            return
        error = _error(learner.average, checked, batches.after, plan.frozen_until, validation)
        if error < min(result.errors.values(), default=np.inf):
            best, result.update = copy.deepcopy(learner.average.state_dict()), update
        result.errors[update] = error

    if not plan.reset:
        check(0)
    every = max(total // CHECKS, 1)
    for update in range(1, last + 1):
        learner.learn(batches.draw(), batches.after, (update - 1) / total)
        if update % every == 0 or update == last:
            check(update)
        progress(update, last)
    if validation is None:
        best, result.update = learner.average.state_dict(), last
    model.load_state_dict(best)
    model.requires_grad_(True)
    result.policy = model.eval()
    return result


class Learner:
    """Gradient steps with a rate per part, an L2 penalty towards the start, and averaged weights.

    A mirrored image is one of another camera where the real one does not look straight ahead, and the car's own offset
    is known roughly: what the labels of mirror images are reflected about is learned with the weights. Reflected about
    the fitted offset they taught the rehearsal car to steer aside by 0.03 to 0.045.

    Args:
        signs: (A,) -1 for actions that change sign when mirrored; None: there are no mirror images.
    """

    def __init__(self, model: Policy, plan: TransferPlan, signs: np.ndarray | None = None) -> None:
        self.model, self.plan = model, plan
        self.average = copy.deepcopy(model).eval()
        groups = [
            {"params": list(part_parameters(model, part)), "rate": plan.learning_rate * plan.rates[part]}
            for part in plan.trained
        ]
        self._reflected = torch.zeros(0) if signs is None else torch.from_numpy(signs < 0).float()
        self.reflection = nn.Parameter(torch.zeros_like(self._reflected))  # added to the fitted offset
        own = {"params": [self.reflection], "rate": REFLECTION_RATE * plan.learning_rate, "weight_decay": 0.0}
        groups += [own] if len(self._reflected) else []
        self._optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True)
        kept = [part for part in plan.trained if part not in plan.reset]
        self._pulled = [p for part in kept for p in part_parameters(model, part)]
        self._start = [p.detach().clone() for p in self._pulled]
        self._trained, self._means = (
            [p for part in plan.trained for p in part_parameters(each, part)] for each in (model, self.average)
        )
        self._count = 0

    @torch.no_grad()
    def _pull(self) -> None:
        """Add the gradient of l2sp * |p - start|^2; in the loss it would need its own graph."""
        for p, start in zip(self._pulled, self._start, strict=True):
            if p.grad is not None:
                p.grad.add_(p - start, alpha=2 * self.plan.l2sp)

    def _labels(self, batch: Batch) -> Tensor:
        """Return the actions (n, A), those of mirror images reflected about the learned offset."""
        if not len(self._reflected):
            return batch.actions
        shift = torch.zeros_like(batch.actions)
        shift[: batch.recorded] = 2 * batch.mirrored[:, None] * self._reflected * self.reflection
        return batch.actions + shift

    def learn(self, batch: Batch, after: str | None, progress: float) -> float:
        """Take one step; the rate rises for a twentieth of the schedule and then decays as a cosine."""
        plan = self.plan
        rate = min(progress / 0.05 + 0.02, 1.0) * 0.5 * (1 + np.cos(np.pi * progress))
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["rate"]
        # Heads for labels that recordings lack are not run, as they could not learn.
        inputs = batch.inputs
        if after is None:
            inputs = aligned(self.model, inputs, batch.recorded, batch.mirrored)
        outputs = {"action": _forward(self.model, inputs, batch.state, after, plan.frozen_until)}
        loss, _ = multi_task_loss(outputs, {"action": self._labels(batch)}, {"action": 1.0})
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if plan.l2sp and self._pulled:
            self._pull()
        nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        self._count += 1
        decay = min(plan.ema, self._count / (self._count + 10))
        with torch.no_grad():
            for mean, value in zip(self._means, self._trained, strict=True):
                mean.lerp_(value, 1 - decay)
        return float(loss.detach())


def _forward(model: Policy, inputs: Tensor, state: Tensor | None, after: str | None, frozen: str | None) -> Tensor:
    """Return (n, A) actions for aligned images, or for features after stage `after`.

    Trained parts run in half precision if the processor supports it, frozen stages in full precision.
    """
    if after is None and frozen is not None:
        with torch.no_grad():
            inputs = model.features_of_aligned(inputs, until=frozen)
        after = frozen
    with bf16_autocast(inputs.device):
        seen = model.features_of_aligned(inputs) if after is None else model.encoder.forward_stages(inputs, after=after)
        return model.heads.action(model.heads.trunk(seen), state)


def _error(model: Policy, inputs: Tensor, after: str | None, frozen: str | None, frames: Frames) -> float:
    """Return the error over the judged actions, by the criterion."""
    state = None if frames.state is None else torch.from_numpy(frames.state)
    outputs = []
    with torch.inference_mode():
        for k in range(0, len(inputs), BATCH):
            part = inputs[k : k + BATCH] if after is not None else model.align(inputs[k : k + BATCH])
            outputs.append(_forward(model, part, None if state is None else state[k : k + BATCH], after, frozen))
    return deviation(torch.cat(outputs).clamp(-1, 1).cpu().numpy()[:, list(frames.judged)], frames)


def deviation(predicted: np.ndarray, frames: Frames) -> float:
    """Return MAE or RMSE, by the frames' criterion, of predictions (n, J) of the judged actions."""
    left = predicted - frames.done
    if frames.criterion.endswith("rmse"):
        return float(np.sqrt(np.nanmean(np.square(left))))
    return float(np.nanmean(np.abs(left)))


def part_parameters(model: Policy, part: str) -> Iterator[nn.Parameter]:
    """Return the parameters of a part; for the head, those of the action."""
    if part != "head":
        return model.encoder.stage_parameters(part)
    return chain(model.heads.trunk.parameters(), model.heads.action.parameters())
