"""Heads on the encoder's feature map: the action, and auxiliary labels that train the encoder."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.encoder import EncoderConfig
from policies.errors import InputError


@dataclass(frozen=True)
class HeadsConfig:
    """Settings of the heads.

    Args:
        scalars: auxiliary vectors, name -> length (such as offset, heading, curvature).
        masks: auxiliary binary maps, name -> (h, w); the output is a logit per pixel.
        maps: auxiliary maps of a quantity, name -> (h, w), such as depth.
        state: length of the action head's state input; 0: none. An imitating policy with its last action as input
            copies it and ignores the image (causal confusion, de Haan et al. 2019).
        reduced: channels of the feature map before it is flattened.
        hidden: width of the hidden layers.

    Raises:
        InputError: a repeated name, a name that is not an identifier, or a size below 1.
    """

    scalars: dict[str, int] = field(default_factory=dict)
    masks: dict[str, tuple[int, int]] = field(default_factory=dict)
    maps: dict[str, tuple[int, int]] = field(default_factory=dict)
    state: int = 0
    reduced: int = 48
    hidden: int = 128

    def __post_init__(self) -> None:
        names = ["action", *self.scalars, *self.masks, *self.maps]
        for name in names:
            if names.count(name) > 1 or not name.isidentifier():
                raise InputError(f"bad or repeated head name {name!r}; names must be identifiers, each used once")
        sizes = [*self.scalars.values(), *(n for size in (*self.masks.values(), *self.maps.values()) for n in size)]
        if min([*sizes, self.reduced, self.hidden]) < 1 or self.state < 0:
            raise InputError(f"every size in the heads must be at least 1 and state at least 0, got {self}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of all outputs, the action first."""
        return ("action", *self.scalars, *self.masks, *self.maps)


class ActionHead(nn.Module):
    """Maps features (n, k) and optionally state (n, S) to actions (n, A): gain * tanh(MLP) + offset.

    `gain` and `offset` (A,) are buffers: the optimizer does not change them, and a gain fitted to recordings is folded
    in exactly. With the initial 1 and 0 actions are in [-1, 1]; after folding they may exceed it, and `Policy.act`
    clips them. They are not clipped here because a clipped output has no gradient.
    """

    def __init__(self, features: int, state: int, actions: int, hidden: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(features + state, hidden), nn.ReLU(), nn.Linear(hidden, actions))
        self.gain: Tensor
        self.offset: Tensor
        self.register_buffer("gain", torch.ones(actions))
        self.register_buffer("offset", torch.zeros(actions))

    def forward(self, features: Tensor, state: Tensor | None) -> Tensor:
        x = features if state is None else torch.cat([features, state.to(features.dtype)], dim=1)
        return self.gain * torch.tanh(self.mlp(x).float()) + self.offset

    def fold(self, gain: Tensor, offset: Tensor) -> None:
        """Scale the output by gain and add offset, both (A,); raises InputError unless they are finite."""
        for name, value in (("gain", gain), ("offset", offset)):
            if value.shape != self.gain.shape or not torch.isfinite(value).all():
                raise InputError(f"{name} must be {len(self.gain)} finite numbers, one per action, got {value}")
        self.offset.copy_(gain * self.offset + offset)
        self.gain.copy_(gain * self.gain)

    def reset_parameters(self) -> None:
        """Undo all folds; the layers reset themselves."""
        self.gain.fill_(1.0)
        self.offset.zero_()


class _MapHead(nn.Module):
    """Maps features (n, C, h', w') to one map (n, h, w). Bilinear upsampling makes no checkerboards."""

    def __init__(self, channels: int, before: tuple[int, int], size: tuple[int, int], hidden: int = 24) -> None:
        super().__init__()
        self.size = size
        self.inner = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU())
        self.outer = nn.Conv2d(hidden, 1, 3, padding=1)
        # Upsampling as a matrix (h' w', h w): on a CPU its gradient takes a tenth of the time of interpolate's.
        cells = torch.eye(before[0] * before[1]).reshape(-1, 1, *before)
        grown = F.interpolate(cells, size=size, mode="bilinear", align_corners=False)
        self.upsampling: Tensor
        self.register_buffer("upsampling", grown.flatten(1), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        small = self.inner(features).flatten(2)
        grown = (small @ self.upsampling.to(small.dtype)).unflatten(2, self.size)
        return self.outer(grown)[:, 0].float()


class Heads(nn.Module):
    """All heads of a policy: feature map (n, C, h, w), state (n, S) or None -> name -> output, in float32.

    The action and the scalars share a trunk that flattens the (reduced) map instead of averaging it, because the
    position in the image matters. The trunk does not use the state: auxiliary labels must be predicted from images.
    Outputs: "action" (n, A); scalars (n, k); masks (n, h, w) logits; maps (n, h, w).

    Raises:
        InputError: state is missing, unwanted or of another length.
    """

    def __init__(self, config: HeadsConfig, encoder: EncoderConfig, actions: int) -> None:
        super().__init__()
        self.config = config
        channels, height, width = encoder.feature_shape
        reduce = nn.Sequential(nn.Conv2d(channels, config.reduced, 1), nn.ReLU(), nn.Flatten())
        hidden = nn.Sequential(nn.Linear(config.reduced * height * width, config.hidden), nn.ReLU())
        self.trunk = nn.Sequential(*reduce, *hidden)
        self.action = ActionHead(config.hidden, config.state, actions, config.hidden // 2 or 1)
        self.scalars = nn.ModuleDict({name: nn.Linear(config.hidden, k) for name, k in config.scalars.items()})
        sizes = {**config.masks, **config.maps}
        self.maps = nn.ModuleDict({name: _MapHead(channels, (height, width), size) for name, size in sizes.items()})

    def forward(self, features: Tensor, state: Tensor | None = None, labels: bool = True) -> dict[str, Tensor]:
        """Return the outputs; without `labels` only the action, in a fifth of the time."""
        expected = (features.shape[0], self.config.state) if self.config.state else None  # len() would be a constant
        got = None if state is None else tuple(state.shape)
        if got != expected:
            raise InputError(f"the policy's state must have shape {expected}, got {got}")
        hidden = self.trunk(features)
        outputs = {"action": self.action(hidden, state)}
        if not labels:
            return outputs
        outputs.update({name: head(hidden).float() for name, head in self.scalars.items()})
        outputs.update({name: head(features) for name, head in self.maps.items()})
        return outputs
