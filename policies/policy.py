"""A policy: preprocessing, encoder and heads, with one method `act`."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from policies.alignment import Alignment
from policies.encoder import EncoderConfig, VisionEncoder
from policies.errors import InputError
from policies.heads import Heads, HeadsConfig
from policies.preprocessing import MIN_STD, Preprocessing, network_input


@dataclass(frozen=True)
class PolicyConfig:
    """Settings of a policy, which checkpoints store as JSON.

    Args:
        action_names: names of the actions, in order (such as steering, throttle); values are in [-1, 1].
        task: name of the policy's task.

    Raises:
        InputError: no actions, or different image sizes of preprocessing and encoder.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    heads: HeadsConfig = field(default_factory=HeadsConfig)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    action_names: tuple[str, ...] = ("steering", "throttle")
    task: str = ""

    def __post_init__(self) -> None:
        if not self.action_names:
            raise InputError("a policy needs at least one action name")
        (width, height), size = self.preprocessing.size, self.encoder.size
        if (height, width) != tuple(size):
            raise InputError(
                f"preprocessing gives images {width}x{height}, the encoder takes {size[1]}x{size[0]} (WxH)"
            )


class Policy(nn.Module):
    """Maps images and, if configured, state to actions in [-1, 1] and auxiliary predictions."""

    def __init__(self, config: PolicyConfig | None = None) -> None:
        super().__init__()
        self.config = config or PolicyConfig()
        self.align = Alignment()
        self.encoder = VisionEncoder(self.config.encoder)
        self.heads = Heads(self.config.heads, self.config.encoder, len(self.config.action_names))

    def forward(self, images: Tensor, state: Tensor | None = None) -> dict[str, Tensor]:
        """Map (n, H, W, 3) uint8 images at the network's size and state (n, S) to name -> float32 output.

        "action" is (n, A), in [-1, 1] unless a gain was folded in; the others are as in `Heads`.

        Raises:
            InputError: images of another type or size, or a state of another shape.
        """
        return self.heads(self.features(images), state)

    def unaligned(self) -> "Policy":
        """Return the policy without the alignment of a recorded camera, for simulated frames; itself if it has none."""
        if not self.align.moves:
            return self
        result = copy.deepcopy(self)
        result.align.similarity.zero_()
        return result

    def features(self, images: Tensor, until: str | None = None) -> Tensor:
        """Return the output of stage `until` (None: the last) for images (n, H, W, 3) uint8."""
        expected = (*self.config.encoder.size, 3)
        if images.dtype != torch.uint8 or images.ndim != 4 or tuple(images.shape[1:]) != expected:
            got = f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"
            raise InputError(f"images must be uint8 of shape (n, {', '.join(map(str, expected))}), got {got}")
        return self.features_of_aligned(self.align(images), until)

    def features_of_aligned(self, images: Tensor, until: str | None = None) -> Tensor:
        """Return `features` of images (n, H, W, 3) that are already aligned, uint8 or float32 grey levels."""
        normalized = normalize_images(images, self.config.preprocessing.normalization)
        return self.encoder.forward_stages(normalized, until=until)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Map one observation to actions (A,) float32, or a batch to (n, A), in [-1, 1].

        Args:
            observation: "images.<camera>" (H, W, 3) or (n, H, W, 3) uint8 RGB of any size; "state" (S,) or (n, S).

        Raises:
            InputError: the policy's camera or state is missing, an image is invalid, or the state is not finite.
        """
        images, state = network_input(observation, self.config.preprocessing, self.config.heads.state)
        device = next(self.parameters()).device
        # Copies, because torch supports neither negative strides nor read-only arrays.
        given = None if state is None else torch.tensor(state, device=device)
        with torch.inference_mode():
            features = self.features(torch.tensor(images, device=device))
            actions = self.heads(features, given, labels=False)["action"]
        actions = actions.clamp(-1.0, 1.0).cpu().numpy()
        return actions if np.ndim(observation[self.config.preprocessing.key]) == 4 else actions[0]


def normalize_images(images: Tensor, normalization: str) -> Tensor:
    """Apply `preprocessing.normalize` in torch: (n, H, W, 3) grey levels to (n, 3, H, W) float32, on their device."""
    x = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    if normalization == "none":
        return x / 127.5 - 1.0
    axes = (1, 2, 3) if normalization == "per-image" else (2, 3)
    # By hand, as torch.var_mean takes ten times as long on a CPU, a tenth of a training step.
    x = x - x.mean(axes, keepdim=True)
    std = x.square().mean(axes, keepdim=True).sqrt()
    return x / std.clamp(min=MIN_STD)
