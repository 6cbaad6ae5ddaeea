"""A twin of the simulator's sensor (`envs.sensor`), for one sensor that all frames share, with given noise."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sim2real.identification.sensor.jpeg import compressed

_LUMA = torch.tensor([0.299, 0.587, 0.114])


def gaussian(sigma: Tensor) -> Tensor:
    """Return weights (2 R + 1,) of a Gaussian of sigma px, cut off at 3 sigma."""
    reach = int(torch.ceil(3 * sigma))
    distance = torch.arange(-reach, reach + 1.0)
    weights = torch.exp(-0.5 * (distance / sigma.clamp(min=1e-3)) ** 2)
    return weights / weights.sum()


def box(length: Tensor) -> Tensor:
    """Return weights (2 R + 1,) of motion by length px during the exposure."""
    half = 0.5 * (1.0 + length)
    reach = int(torch.ceil(half + 0.5))
    weights = (half + 0.5 - torch.arange(-reach, reach + 1.0).abs()).clamp(0, 1)
    return weights / weights.sum()


def _filtered(images: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Filter images (n, 3, H, W) along one axis; the border is mirrored, its pixels repeated."""
    reach, size = len(weights) // 2, images.shape[axis]
    if reach == 0:
        return images
    left, right = images.narrow(axis, 0, reach).flip(axis), images.narrow(axis, size - reach, reach).flip(axis)
    wide = torch.cat([left, images, right], axis)
    out = weights[0] * wide.narrow(axis, 0, size)
    for k in range(1, len(weights)):
        out = out + weights[k] * wide.narrow(axis, k, size)
    return out


def form(
    frames: Tensor, values: Mapping[str, Tensor], vignette: Tensor, noise: Tensor | None = None, quality: int = 0
) -> Tensor:
    """Return frames as the sensor gives them, before delay: the steps of `envs.sensor`, in the same order.

    Args:
        frames: (n, 3, H, W) rendered frames, 0-255.
        values: exposure, gamma, contrast, saturation, vignette, defocus, motion_blur, read_noise, shot_noise, each a
            scalar, and white_balance (3,).
        vignette: (H, W) squared distances from the optical axis, 1 in the farthest corner of the whole frame.
        noise: (n, 3, H, W) standard normal numbers; None: no noise.
        quality: of the JPEG; 0: none.
    """
    images = _filtered(frames, gaussian(values["defocus"]), 2)
    images = _filtered(_filtered(images, gaussian(values["defocus"]), 3), box(values["motion_blur"]), 3)
    images = images * (1 - values["vignette"] * vignette)
    images = images * (values["exposure"] * values["white_balance"])[:, None, None]
    if noise is not None:
        variance = values["read_noise"] ** 2 + values["shot_noise"] ** 2 * images.clamp(min=0)
        images = images + noise * torch.sqrt(variance + 1e-6)
    images = images.clamp(0, 255)
    images = images * (images.clamp(min=1e-3) / 255) ** (values["gamma"] - 1)
    images = values["contrast"] * images + 127.5 * (1 - values["contrast"])
    luma = torch.einsum("c,nchw->nhw", _LUMA, images)[:, None]
    images = values["saturation"] * images + (1 - values["saturation"]) * luma
    images = torch.round(images).clamp(0, 255)
    return compressed(images, quality) if quality else images
