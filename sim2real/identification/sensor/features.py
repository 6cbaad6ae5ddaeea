"""Statistics of unlabelled frames that tell of the sensor: vignette, blur, noise, colours and tone.

All are averages over the frames of one place, mostly logarithms, so that a sensor's parameters act on them nearly
linearly. They are made of the coefficients of JPEG's 8x8 blocks, in which compression acts, too. Fine differences of
colour are not used, as files usually keep colours at half the resolution.
"""

from itertools import pairwise

import torch
from torch import Tensor

from sim2real.identification.sensor.jpeg import blocks, to_ycc

FLAT = 0.3  # share of the blocks of a level that count as flat: their energy is mostly noise
LEVELS = 3
FLOOR = 0.3  # added to energies [levels^2]: below it is rounding

_U, _V = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
BANDS = {"1-2": (1, 2), "3-4": (3, 4), "5-7": (5, 7), "8-14": (8, 14)}
"""Bands of the sum of vertical and horizontal frequency."""
_BANDS = torch.stack([(a <= (_U + _V)) & (b >= (_U + _V)) for a, b in BANDS.values()]).float()
_BANDS = _BANDS / _BANDS.sum((1, 2), keepdim=True)


def features(frames: Tensor, columns: Tensor) -> dict[str, Tensor]:
    """Return named statistics (scalars) of the frames (n, 3, H, W), 0-255, of one place.

    Args:
        columns: (W / 8,) distance of each column of blocks from the optical axis, in half widths of the frame.
    """
    ycc = to_ycc(frames)
    coefficients = blocks(ycc[:, :1])[:, 0]
    level, energy = coefficients[..., 0, 0] / 8, coefficients**2
    colours = torch.nn.functional.avg_pool2d(ycc[:, 1:], 8)
    return _profile(level, columns) | _spectrum(energy) | _flat(energy, level) | _colours(frames, level, colours)


def _profile(level: Tensor, columns: Tensor) -> dict[str, Tensor]:
    """Brightness of side against middle, in the same rows, so that floor and walls do not count as vignette."""
    mean = level.mean(0).clamp(min=1.0)
    out: dict[str, Tensor] = {}
    edges = (0.0, 0.25, 0.5, 0.7, 0.85, 2.0)  # distances from the axis
    for row, part in enumerate(mean.tensor_split(3)):
        rows = torch.log(part.mean(1))
        sides = [part[:, (columns >= a) & (columns < b)].mean(1) for a, b in pairwise(edges)]
        out |= {f"side {k} of row {row}": (torch.log(side) - rows).mean() for k, side in enumerate(sides) if k}
        out[f"row {row}"] = torch.log(part.mean()) - torch.log(mean.mean())
    del out["row 0"]
    return out


def _spectrum(energy: Tensor) -> dict[str, Tensor]:
    """Energies of all blocks by frequency: blur, horizontal against vertical."""
    mean = energy.mean((0, 1, 2))
    out = {f"horizontal {k}": mean[0, k] for k in range(1, 8)} | {f"vertical {k}": mean[k, 0] for k in range(1, 8)}
    out |= {f"diagonal {a}-{b}": mean.diagonal()[a : b + 1].mean() for a, b in ((1, 1), (2, 2), (3, 4), (5, 7))}
    return {name: torch.log(value + FLOOR) for name, value in out.items()}


def _flat(energy: Tensor, level: Tensor) -> dict[str, Tensor]:
    """Energies of the flattest blocks of each level, by frequency: noise in dark and bright places."""
    flat_level, bands = level.flatten(), torch.einsum("nyxuv,buv->nyxb", energy, _BANDS).flatten(0, 2)
    order = torch.argsort(flat_level)
    out: dict[str, Tensor] = {}
    for k, part in enumerate(order.tensor_split(LEVELS)):
        calm = part[torch.argsort(bands[part].mean(1))[: max(int(FLAT * len(part)), 1)]]
        luma = bands[calm].mean(0)
        out |= {f"flat {k}, band {name}": torch.log(luma[b] + FLOOR) for b, name in enumerate(BANDS)}
        out[f"flat {k}, level"] = torch.log(flat_level[calm].mean().clamp(min=1.0))
    return out


def _colours(frames: Tensor, level: Tensor, colours: Tensor) -> dict[str, Tensor]:
    """Means of the channels, spread of colours and brightness, from block means: Y (n, y, x); Cb, Cr (n, 2, y, x)."""
    red, green, blue = torch.log(frames.mean((0, 2, 3)).clamp(min=1.0))
    luma = level.flatten()
    quantiles = torch.quantile(luma, torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])).clamp(min=1.0)
    names = [f"luma quantile {q}" for q in (5, 25, 50, 75, 95)]
    spread = torch.log(colours.permute(1, 0, 2, 3).flatten(1).var(1) + FLOOR)
    ends = [((frames - 246) / 6).clamp(0, 1).mean(), ((8 - frames) / 6).clamp(0, 1).mean()]
    out = dict(zip(names, torch.log(quantiles) - torch.log(luma.mean().clamp(min=1.0)), strict=True))
    out |= {"red": red - green, "green": green, "blue": blue - green, "Cb spread": spread[0], "Cr spread": spread[1]}
    return out | {"white": torch.log(ends[0] + 0.003), "black": torch.log(ends[1] + 0.003)}
