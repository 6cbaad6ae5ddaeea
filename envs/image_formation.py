"""Image formation between the lens and an 8-bit frame, vectorized over worlds.

Every function processes each world separately and in a fixed order of operations, so that its result is the same in
any batch; neutral parameters change no bit. Images are (n, H, W, 3) float32, RGB, 0-255.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

_RADIUS = 30  # px, of the widest blur
_BANK = 2**20  # samples: drawing normal numbers anew for every pixel costs more than all the rest
_JPEG_SIDE = 65000  # px, a little under the longest side that a JPEG can have


def blur_reach(defocus: float, motion_blur: float) -> int:
    """Return the distance [px] beyond which pixels do not affect each other."""
    return min(int(np.ceil(3 * defocus)), _RADIUS) + min(int(np.ceil(0.5 * motion_blur + 1)), _RADIUS)


def gaussian_weights(sigma: np.ndarray) -> np.ndarray:
    """Return (n, R + 1) weights at distances 0..R px of Gaussians with sigma (n,) px, cut off at 3 sigma."""
    distance = np.arange(_RADIUS + 1.0)
    wide = np.maximum(sigma, 1e-3)[:, None]
    return _normalized(np.exp(-0.5 * (distance / wide) ** 2) * (distance <= np.ceil(3 * sigma)[:, None]))


def box_weights(length: np.ndarray) -> np.ndarray:
    """Return (n, R + 1) weights at distances 0..R px for motion of the scene by length (n,) px during exposure."""
    half = 0.5 * (1.0 + length)[:, None]  # a pixel is as wide as 1 px already
    return _normalized(np.clip(half + 0.5 - np.arange(_RADIUS + 1.0), 0.0, 1.0))


def _normalized(weights: np.ndarray) -> np.ndarray:
    return (weights / (2 * weights.sum(1, keepdims=True) - weights[:, :1])).astype(np.float32)


def blur(images: np.ndarray, defocus: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Filter images by weights (n, R + 1) of the defocus along both axes, and by those of the motion along rows.

    Mirrored borders keep the mean.
    """
    out = np.empty_like(images)
    for k, image in enumerate(images):
        along = np.convolve(_symmetric(defocus[k]), _symmetric(motion[k]))
        cv2.sepFilter2D(image, -1, along, _symmetric(defocus[k]), dst=out[k], borderType=cv2.BORDER_REFLECT)
    return out


def _symmetric(weights: np.ndarray) -> np.ndarray:
    """Return the complete filter of weights (R + 1,) at distances 0…R, without zeros at the ends."""
    used = weights[: np.flatnonzero(weights).max() + 1]
    return np.concatenate([used[:0:-1], used])


@dataclass(frozen=True)
class Part:
    """The part of a camera's frame in the images, in px."""

    frame_width: int
    frame_height: int
    left: int
    top: int
    width: int
    height: int


def vignette_map(height: int, width: int, center: tuple[float, float]) -> np.ndarray:
    """Return (1, H, W, 3) squared distances from the optical axis at center (cx, cy) px, 1 in the farthest corner."""
    x, y = (np.arange(width) - center[0]) ** 2, (np.arange(height) - center[1]) ** 2
    squared = (y[:, None] + x) / max(max(x[0], x[-1]) + max(y[0], y[-1]), 1e-9)
    return np.repeat(squared[None, :, :, None], 3, 3).astype(np.float32)


def add_glare(images: np.ndarray, strength: np.ndarray, place: np.ndarray, part: Part) -> None:
    """Add, in place, a soft white blob of strength (n,) at place (n, 3): x, y, radius in fractions of frame widths."""
    columns, rows = np.arange(part.width) + part.left, np.arange(part.height, dtype=np.float32) + part.top
    x, y, radius = (place * part.frame_width).astype(np.float32).T[:, :, None]
    column = np.exp(-0.5 * ((np.repeat(columns, 3).astype(np.float32) - x) / radius) ** 2)
    row = np.exp(-0.5 * ((rows - y) / radius) ** 2) * 255 * strength[:, None]
    images += (row[:, :, None] * column[:, None]).reshape(images.shape)


@lru_cache(maxsize=2)
def _noise_bank(size: int) -> np.ndarray:
    """Return a (windows, size) view of one long row of standard normal numbers, the same in every process."""
    samples = np.random.default_rng(20260101).standard_normal(_BANK, np.float32)
    return np.lib.stride_tricks.sliding_window_view(np.resize(samples, _BANK + size), size)


def add_noise(images: np.ndarray, read: np.ndarray, shot: np.ndarray, draw: np.ndarray, part: Part) -> None:
    """Add, in place, noise of std sqrt(read^2 + shot^2 value), all (n,); draw (n,) in [0, 1) chooses the samples.

    A pixel of the frame has the same noise in every requested part.
    """
    row = 3 * part.frame_width
    bank = _noise_bank(part.frame_height * row)
    rows = bank[:, part.top * row : (part.top + part.height) * row][(draw * len(bank)).astype(np.int64)]
    noise = rows.reshape(len(images), part.height, part.frame_width, 3)[:, :, part.left : part.left + part.width]
    if shot.any():
        std = np.maximum(images, 0)
        std *= _per_world(shot**2)
        std += _per_world(read**2)
        noise *= np.sqrt(std, out=std)
    else:
        # As the root of the square, to the bit what the branch above gives for a world without shot noise.
        noise *= np.sqrt(_per_world(read**2))
    images += noise


def gain(images: np.ndarray, factors: np.ndarray) -> None:
    """Multiply, in place, every channel by its factor (n, 3)."""
    n, _, width, _ = images.shape
    images *= np.tile(factors, width).reshape(n, 1, width, 3)


def tone(images: np.ndarray, gamma: np.ndarray, contrast: np.ndarray, saturation: np.ndarray) -> None:
    """Apply the image processor in place: gamma, contrast about mid-grey, saturation about the luma, all (n,)."""
    if (gamma != 1).any():
        # x (x / 255)^(gamma - 1) and not 255 (x / 255)^gamma: exact where gamma is 1.
        images *= np.power(np.maximum(images, 1e-3) / np.float32(255), _per_world(gamma - 1))
    if (contrast != 1).any():
        images *= _per_world(contrast)
        images += _per_world(127.5 * (1 - contrast))
    if (saturation != 1).any():
        luma = np.float32(0.299) * images[..., 0]
        luma += np.float32(0.587) * images[..., 1]
        luma += np.float32(0.114) * images[..., 2]
        luma *= (1 - saturation)[:, None, None]
        images *= _per_world(saturation)
        images += luma[..., None]


def _per_world(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None, None, None]


def jpeg(frames: np.ndarray, quality: np.ndarray) -> None:
    """Compress uint8 frames, in place, by JPEG at quality (n,), rounded to tens from 10 to 100; below 0.5 is off.

    Chroma is kept at full resolution (4:4:4), since a camera subsamples the chroma of images finer than a policy's. The
    8x8 blocks are then independent, and one tall mosaic gives the same bytes as single files.
    """
    level = np.where(quality < 0.5, 0, np.clip(10 * np.rint(quality / 10), 10, 100)).astype(int)
    most = max(1, _JPEG_SIDE // (frames.shape[1] + 7))
    for q in np.unique(level[level > 0]):
        ids = np.flatnonzero(level == q)
        for part in np.array_split(ids, -(-len(ids) // most)):
            frames[part] = _through_jpeg(frames[part], int(q))


def _through_jpeg(frames: np.ndarray, quality: int) -> np.ndarray:
    height, width = frames.shape[1:3]
    blocks = np.pad(frames, ((0, 0), (0, -height % 8), (0, -width % 8), (0, 0)), mode="edge")
    mosaic = cv2.cvtColor(blocks.reshape(-1, blocks.shape[2], 3), cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", mosaic, options)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return decoded.reshape(blocks.shape)[:, :height, :width]
