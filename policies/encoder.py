"""The vision encoder, from an image to a feature map through named stages."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from policies.errors import InputError
from policies.stages import STAGE_NAMES

# Per kind: channels of stem, stage1 … stage4 in units of `width`, their strides, default width, default depth.
_LAYOUTS = {
    "conv": ((1, 2, 4, 6, 6), (2, 2, 2, 2, 1), 24, 1),
    "resnet18": ((1, 1, 2, 4, 8), (2, 1, 2, 2, 2), 16, 2),
}
ENCODER_KINDS = tuple(_LAYOUTS)


@dataclass(frozen=True)
class EncoderConfig:
    """Settings of a VisionEncoder.

    Args:
        kind: "conv" (plain convolutions, made for CPUs) or "resnet18" (He et al. 2016, basic blocks).
        size: (H, W) of the input image [px].
        width: channels of the stem; later stages have multiples of it; None: the kind's default.
        depth: convolutions ("conv") or basic blocks ("resnet18") per stage after the stem; None: the kind's default.

    Raises:
        InputError: an unknown kind, or an invalid size, width or depth.
    """

    kind: str = "conv"
    size: tuple[int, int] = (48, 80)
    width: int | None = None
    depth: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in _LAYOUTS:
            raise InputError(f"unknown encoder kind {self.kind!r}; valid: {', '.join(ENCODER_KINDS)}")
        if len(self.size) != 2 or min(self.size) < 16:
            raise InputError(f"encoder size must be (H, W) of at least 16 pixels each, got {self.size}")
        for name, value in (("width", self.width), ("depth", self.depth)):
            if value is not None and value < 1:
                raise InputError(f"encoder {name} must be at least 1, got {value}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Return the output channels of each stage, in the order of STAGE_NAMES."""
        multiples, _, width, _ = _LAYOUTS[self.kind]
        return tuple(m * (self.width or width) for m in multiples)

    @property
    def strides(self) -> tuple[int, ...]:
        """Return the stride of each stage."""
        return _LAYOUTS[self.kind][1]

    @property
    def blocks(self) -> int:
        """Return the number of convolutions or basic blocks per stage after the stem."""
        return self.depth or _LAYOUTS[self.kind][3]

    @property
    def feature_shape(self) -> tuple[int, int, int]:
        """Return (C, h, w) of the feature map."""
        height, width = self.size
        for stride in self.strides:
            height, width = math.ceil(height / stride), math.ceil(width / stride)
        return self.channels[-1], height, width


class VisionEncoder(nn.Module):
    """Maps normalized images (n, 3, H, W) float to a feature map (n, C, h, w), through the stages in `stage_names`.

    GroupNorm (Wu & He 2018) and not BatchNorm: frozen stages then have no running statistics that drift, and an image
    gives the same result alone and in a batch. Parameters stay in the contiguous memory format: PyTorch's bf16
    GroupNorm is slow in channels_last, which costs more than the convolutions gain.
    """

    def __init__(self, config: EncoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or EncoderConfig()
        channels, strides, blocks = self.config.channels, self.config.strides, self.config.blocks
        block = _BasicBlock if self.config.kind == "resnet18" else _convolution
        self.stages = nn.ModuleDict({"stem": _convolution(3, channels[0], strides[0], kernel=5)})
        for name, (before, after), stride in zip(STAGE_NAMES[1:], pairwise(channels), strides[1:], strict=True):
            rest = [block(after, after, 1) for _ in range(blocks - 1)]
            self.stages[name] = nn.Sequential(block(before, after, stride), *rest)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Return the names of the stages, from the image upwards."""
        return tuple(self.stages)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, 3, H, W) normalized images to the feature map (n, C, h, w)."""
        return self.forward_stages(images)

    def forward_stages(self, x: Tensor, after: str | None = None, until: str | None = None) -> Tensor:
        """Run the stages after `after` (None: from the images) up to `until` (None: the last).

        `forward_stages(forward_stages(x, until=s), after=s)` equals `forward(x)` for every stage s, so that the
        output of frozen low stages can be cached.

        Raises:
            InputError: a name that is not a stage, or `until` is not above `after`.
        """
        first = 0 if after is None else self._index(after) + 1
        last = len(self.stages) - 1 if until is None else self._index(until)
        if after is not None and until is not None and last < first:
            raise InputError(f"no stage to run after {after!r} until {until!r}; order: {', '.join(self.stages)}")
        for name in self.stage_names[first : last + 1]:
            x = self.stages[name](x)
        return x

    def stage_parameters(self, name: str) -> Iterator[nn.Parameter]:
        """Return the parameters of one stage; raises InputError for a name that is not a stage."""
        return self.stages[self.stage_names[self._index(name)]].parameters()

    def reset_stages(self, *names: str) -> None:
        """Initialize the weights of these stages from torch's default generator."""
        for name in names:
            reset_parameters(self.stages[self.stage_names[self._index(name)]])

    def _index(self, name: str) -> int:
        if name not in self.stages:
            raise InputError(f"unknown encoder stage {name!r}; valid: {', '.join(self.stages)}")
        return self.stage_names.index(name)


def reset_parameters(module: nn.Module) -> None:
    """Initialize all layers in the module from torch's default generator."""
    for layer in module.modules():
        reset = getattr(layer, "reset_parameters", None)
        if callable(reset):
            reset()


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(8, channels), channels)


def _convolution(before: int, after: int, stride: int, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, _norm(after), nn.ReLU())


class _BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016, figure 2), with GroupNorm."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        convolution = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.body = nn.Sequential(_convolution(before, after, stride), convolution, _norm(after))
        same = stride == 1 and before == after
        projection = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), _norm(after))
        self.shortcut = nn.Identity() if same else projection

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))
