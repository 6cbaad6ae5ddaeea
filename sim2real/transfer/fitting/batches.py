"""Batches of a fit: recorded frames, their mirror images, and simulated frames."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from policies.policy import Policy
from sim2real.recordings.frames import Frames
from sim2real.transfer.fitting.augment import mirrored, mirrored_actions, photometric
from sim2real.transfer.fitting.plans import TransferPlan
from sim2real.transfer.fitting.views import Views, views_of


@dataclass(frozen=True)
class Simulated:
    """Simulated frames of a pretrained policy.

    Attributes:
        images: (m, h, w, 3) uint8.
        actions: (m, A) the policy's unclipped actions.
        world: (m,) world of each frame.
        state: (m, S) state input; None if the policy has none.
    """

    images: np.ndarray
    actions: np.ndarray
    world: np.ndarray
    state: np.ndarray | None = None


class Labelled(NamedTuple):
    """Labelled training frames.

    Attributes:
        images: (n, h, w, 3) uint8.
        actions: (n, A) labels.
        state: (n, S) state input, or None.
        mirrored: number of frames, at the end, that are mirror images of others.
    """

    images: np.ndarray
    actions: np.ndarray
    state: np.ndarray | None = None
    mirrored: int = 0


class Batch(NamedTuple):
    """One batch: `inputs` (n, …) images or features of frozen stages, `state` (n, S) or None, `actions` (n, A).

    The first `recorded` rows are of the recordings' camera, with mirror images marked in `mirrored` (recorded,) bool;
    the rest are simulated.
    """

    inputs: Tensor
    state: Tensor | None
    actions: Tensor
    recorded: int
    mirrored: Tensor


def with_mirrored(frames: Frames | Labelled, scaled: Policy, plan: TransferPlan, signs: np.ndarray | None) -> Labelled:
    """Return real frames, and their mirror images if the plan uses them.

    Frames with a state are not mirrored, as the signs of its components are unknown.
    """
    if not plan.mirror or signs is None or frames.state is not None:
        return Labelled(frames.images, frames.actions, frames.state)
    # The car's offset does not change sign when mirrored: labels are reflected about the fitted offset.
    turned = mirrored_actions(frames.actions, signs, scaled.heads.action.offset.cpu().numpy())
    images = np.concatenate([frames.images, mirrored(frames.images)])
    return Labelled(images, np.concatenate([frames.actions, turned]), mirrored=len(turned))


def answered(simulated: Simulated | None, policy: Policy, scaled: Policy, plan: TransferPlan) -> Labelled | None:
    """Return simulated frames to mix in, labelled by the policy in the scale of the recordings."""
    if simulated is None or not plan.cotrain:
        return None
    before, after = policy.heads.action, scaled.heads.action
    gain, old, new = (value.cpu().numpy() for value in (after.gain / before.gain, before.offset, after.offset))
    return Labelled(simulated.images, (gain * (simulated.actions - old) + new).astype(np.float32), simulated.state)


def from_beside(
    simulated: Simulated | None, policy: Policy, scaled: Policy, plan: TransferPlan, signs: np.ndarray | None
) -> Views | None:
    """Return views in the scale of the recordings; None if the plan has none, or they cannot be measured.

    Frames with a state have none: it would have to change, too.
    """
    if not plan.views or simulated is None or signs is None or simulated.state is not None:
        return None
    scale = (scaled.heads.action.gain / policy.heads.action.gain).cpu().numpy()
    return views_of(policy, simulated.images, None, signs, scale)


def aligned(model: Policy, images: Tensor, recorded: int, mirrored: Tensor) -> Tensor:
    """Align the first `recorded` images (n, h, w, 3) as the model does; the others are unchanged.

    The alignment applies to the recorded camera only; for mirror images it is mirrored.
    """
    if recorded == 0 or not model.align.moves:
        return images
    flip = mirrored[:, None, None, None]
    own = images[:recorded]
    seen = model.align(torch.where(flip, own.flip(2), own))
    seen = torch.where(flip, seen.flip(2), seen)
    return seen if recorded == len(images) else torch.cat([seen, images[recorded:].to(seen.dtype)])


class Batches:
    """Batches of images, or of features of the frozen stages, with states and labels."""

    def __init__(
        self, model: Policy, plan: TransferPlan, cache: bool, random: np.random.Generator, views: Views | None = None
    ) -> None:
        self._model, self._plan, self._random, self._views = model, plan, random, views
        self.after = plan.frozen_until if cache and not plan.augment and views is None else None

    def fill(self, recorded: Labelled, recovery: Labelled | None = None, *, simulated: Labelled | None = None) -> None:
        """Set the recorded frames, and optionally real ones from beside the line, and simulated ones."""
        real = [recorded, *([] if recovery is None else [recovery])]
        parts, self._recorded = [*real, *([] if simulated is None else [simulated])], len(recorded.images)
        flags = [torch.arange(len(each.images)) >= len(each.images) - each.mirrored for each in real]
        inputs = [self.outputs(each.images, flag) for each, flag in zip(real, flags, strict=True)]
        self._mirrored = torch.cat(flags)
        self._real = len(self._mirrored)
        if simulated is not None:
            inputs.append(self.outputs(simulated.images, self._mirrored[:0]))
        self._inputs = torch.cat(inputs)
        self._actions = torch.from_numpy(np.concatenate([part.actions for part in parts]))
        states = [part.state for part in parts if part.state is not None]
        self._state = torch.from_numpy(np.concatenate(states)) if states else None

    def outputs(self, images: np.ndarray, mirrored: Tensor) -> Tensor:
        """Return images (n, h, w, 3) unchanged, or their features after the frozen stages.

        Args:
            mirrored: (n,) bool, which are mirror images; (0,) if all are simulated.
        """
        tensor = torch.from_numpy(images)
        if self.after is None:
            return tensor
        with torch.inference_mode():
            seen = [
                aligned(self._model, tensor[k : k + 256], len(flags := mirrored[k : k + 256]), flags)
                for k in range(0, len(tensor), 256)
            ]
            parts = [self._model.features_of_aligned(part, until=self.after) for part in seen]
        return torch.cat(parts).clone()

    def draw(self) -> Batch:
        """Draw a batch of the plan's size."""
        size = self._plan.batch_size
        simulated = round(size * self._plan.cotrain) if len(self._inputs) > self._real else 0
        beside = round((size - simulated) * self._plan.recovery) if self._real > self._recorded else 0
        recorded, real = size - simulated - beside, size - simulated
        ends = (0, self._recorded, self._real, len(self._inputs))
        counts = (recorded, beside, simulated)
        rows = [self._random.integers(*pair, n) for pair, n in zip(pairwise(ends), counts, strict=True) if n]
        chosen = torch.from_numpy(np.concatenate(rows))
        inputs, state = self._inputs[chosen], None if self._state is None else self._state[chosen]
        actions = self._actions[chosen]
        if self.after is None:
            images = inputs.numpy()
            if self._views is not None:
                seen, done = self._views.draw(images[:recorded], actions[:recorded].numpy(), self._random)
                images[:recorded], actions[:recorded] = seen, torch.from_numpy(done)
            inputs = torch.from_numpy(photometric(images, self._plan.augment, self._random))
        return Batch(inputs, state, actions, real, self._mirrored[chosen[:real]])
