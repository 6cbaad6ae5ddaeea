"""What a fit draws its batches from: recorded frames, their mirror images, and simulated frames beside them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policies.policy import Policy
from sim2real.frames import Frames
from sim2real.transfer.augment import mirrored, mirrored_actions, photometric
from sim2real.transfer.plans import TransferPlan


@dataclass(frozen=True)
class Simulated:
    """Simulated frames: images (m, h, w, 3) uint8, what the pretrained policy answers (m, A), and their worlds (m,)."""

    images: np.ndarray
    actions: np.ndarray
    world: np.ndarray


Labelled = tuple[np.ndarray, np.ndarray]  # images (n, h, w, 3), actions (n, A)


def labelled(frames: Frames, scaled: Policy, plan: TransferPlan, signs: np.ndarray | None) -> Labelled:
    """The recorded frames, and their mirror images where the plan wants them."""
    if not plan.mirror or signs is None:
        return frames.images, frames.actions
    # The car pulls the same way in the mirror: labels are reflected about the fitted offset.
    turned = mirrored_actions(frames.actions, signs, scaled.heads.action.offset.cpu().numpy())
    return np.concatenate([frames.images, mirrored(frames.images)]), np.concatenate([frames.actions, turned])


def answered(simulated: Simulated | None, policy: Policy, scaled: Policy, plan: TransferPlan) -> Labelled | tuple[()]:
    """Simulated frames to mix in, with the policy's own answers in the scale of the recordings."""
    if simulated is None or not plan.cotrain:
        return ()
    before, after = policy.heads.action, scaled.heads.action
    gain, old, new = (value.cpu().numpy() for value in (after.gain / before.gain, before.offset, after.offset))
    return simulated.images, (gain * (simulated.actions - old) + new).astype(np.float32)


class Batches:
    """Batches of images, or of what the frozen stages made of them, with labels."""

    def __init__(self, model: Policy, plan: TransferPlan, cache: bool, random: np.random.Generator) -> None:
        self._model, self._plan, self._random = model, plan, random
        self.after = plan.frozen_until if cache and not plan.augment else None

    def fill(self, images: np.ndarray, actions: np.ndarray, *simulated: np.ndarray) -> None:
        """Recorded images and actions, and maybe simulated ones to draw from beside them."""
        self._real = len(images)
        if simulated:
            images, actions = np.concatenate([images, simulated[0]]), np.concatenate([actions, simulated[1]])
        self._inputs, self._actions = self.outputs(images), torch.from_numpy(actions)

    def outputs(self, images: np.ndarray) -> Tensor:
        """Images as they are, or as the frozen stages see them."""
        tensor = torch.from_numpy(images)
        if self.after is None:
            return tensor
        with torch.inference_mode():
            parts = [self._model.features(part, until=self.after) for part in tensor.split(256)]
        return torch.cat(parts).clone()

    def draw(self) -> tuple[Tensor, Tensor]:
        """(inputs, actions) of a batch."""
        size = self._plan.batch_size
        simulated = round(size * self._plan.cotrain) if len(self._inputs) > self._real else 0
        rows = self._random.integers(0, self._real, size - simulated)
        rows = (
            np.concatenate([rows, self._random.integers(self._real, len(self._inputs), simulated)])
            if simulated
            else rows
        )
        inputs = self._inputs[torch.from_numpy(rows)]
        if self.after is None:
            inputs = photometric(inputs, self._plan.augment, self._random)
        return inputs, self._actions[torch.from_numpy(rows)]
