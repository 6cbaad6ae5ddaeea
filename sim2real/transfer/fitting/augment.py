"""Photometric augmentation of recorded frames, and their mirror images."""

from functools import cache

import cv2
import numpy as np

GAIN, GAMMA, NOISE, BLUR = 0.15, 0.35, 6.0, 0.5  # channel gain, gamma exponent, noise, share blurred at strength 1


def photometric(images: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Augment images (n, h, w, 3) uint8 by gain per channel, gamma, noise, and a slight blur in some."""
    if not strength:
        return images
    n = len(images)
    gain = np.exp(strength * GAIN * random.standard_normal((n, 1, 3)))
    gamma = np.exp(strength * GAMMA * (2 * random.random((n, 1, 1)) - 1))
    tables = (255 * gain * (np.arange(256)[:, None] / 255) ** gamma).astype(np.float32)
    level = (strength * NOISE * random.random(n)).astype(np.float32)
    blurred = random.random(n) < strength * BLUR
    size, bank = images[0].size, _noise()
    first = random.integers(0, len(bank) - size, n)
    out = np.empty_like(images)
    for k, image in enumerate(images):
        x = cv2.LUT(image, tables[k][None])
        x += level[k] * bank[first[k] : first[k] + size].reshape(x.shape)
        if blurred[k]:
            x = cv2.blur(x, (3, 3), borderType=cv2.BORDER_REPLICATE)
        out[k] = x.clip(0, 255)
    return out


@cache
def _noise() -> np.ndarray:
    """Return a row of normal numbers, as drawing them anew for every image costs more than all the rest."""
    return np.random.default_rng(0).standard_normal(2**21, np.float32)


def mirrored(images: np.ndarray) -> np.ndarray:
    """Return images (n, h, w, 3) with left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])


def mirrored_actions(actions: np.ndarray, signs: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the actions (n, A) for mirrored images, reflected about the car's offset (A,).

    Args:
        signs: (A,) -1 for actions that change sign when mirrored, 1 for the others.
    """
    return np.where(signs < 0, 2 * offset - actions, actions).astype(np.float32)
