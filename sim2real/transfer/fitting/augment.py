"""Photometric augmentation of recorded frames, and their mirror images."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

GAIN, GAMMA, NOISE, BLUR = 0.15, 0.35, 6.0, 0.5  # channel gain, gamma exponent, noise, share blurred at strength 1


def photometric(images: Tensor, strength: float, random: np.random.Generator) -> Tensor:
    """Augment images (n, h, w, 3) uint8 by gain per channel, gamma, noise, and a slight blur in some."""
    if not strength:
        return images
    n = len(images)
    gain = np.exp(strength * GAIN * random.standard_normal((n, 1, 1, 3)))
    gamma = np.exp(strength * GAMMA * (2 * random.random((n, 1, 1, 1)) - 1))
    x = (images.float() / 255).pow(torch.from_numpy(gamma).float()) * (255 * torch.from_numpy(gain).float())
    level = torch.from_numpy(strength * NOISE * random.random((n, 1, 1, 1))).float()
    noise = torch.from_numpy(random.standard_normal(tuple(images.shape), dtype=np.float32))
    x = x + level * noise
    blurred = torch.from_numpy(random.random(n) < strength * BLUR)
    if blurred.any():
        soft = F.avg_pool2d(F.pad(x[blurred].permute(0, 3, 1, 2), (1, 1, 1, 1), mode="replicate"), 3, 1)
        x[blurred] = soft.permute(0, 2, 3, 1)
    return x.clamp(0, 255).to(torch.uint8)


def mirrored(images: np.ndarray) -> np.ndarray:
    """Return images (n, h, w, 3) with left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])


def mirrored_actions(actions: np.ndarray, signs: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the actions (n, A) for mirrored images, reflected about the car's offset (A,).

    Args:
        signs: (A,) -1 for actions that change sign when mirrored, 1 for the others.
    """
    return np.where(signs < 0, 2 * offset - actions, actions).astype(np.float32)
