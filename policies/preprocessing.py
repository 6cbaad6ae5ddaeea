"""Conversion of camera frames to the network's input; needs only NumPy and OpenCV, for robots."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from policies.errors import InputError

NORMALIZATIONS = ("per-image", "per-channel", "none")
# Smaller standard deviations, in grey levels, are noise: a black frame becomes zeros, not amplified noise.
MIN_STD = 1.0


@dataclass(frozen=True)
class Preprocessing:
    """Conversion of one camera's frames to the network's image, stored in the checkpoint.

    Sizes are (width, height) as in OpenCV [px].

    Args:
        camera: the observation key after "images.".
        raw_size: size of the frame that `crop` refers to; frames of the same aspect ratio are cropped in proportion.
        crop: (left, top, width, height) inside the raw frame.
        size: size of the network's image.
        normalization: normalization by `normalize`, one of NORMALIZATIONS.

    Raises:
        InputError: a size below 1, a crop outside the raw frame, an unknown normalization.
    """

    camera: str = "front"
    raw_size: tuple[int, int] = (160, 120)
    crop: tuple[int, int, int, int] = (0, 24, 160, 96)
    size: tuple[int, int] = (80, 48)
    normalization: str = "per-image"

    def __post_init__(self) -> None:
        left, top, width, height = self.crop
        inside = left + width <= self.raw_size[0] and top + height <= self.raw_size[1]
        if min(left, top) < 0 or min(width, height, *self.size) < 1 or not inside:
            raise InputError(
                f"crop {self.crop} (left, top, width, height) to size {self.size} does not fit {self.raw_size}"
            )
        if self.normalization not in NORMALIZATIONS:
            raise InputError(f"unknown normalization {self.normalization!r}; valid: {', '.join(NORMALIZATIONS)}")

    @property
    def key(self) -> str:
        """Return the camera's key in an observation."""
        return f"images.{self.camera}"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Convert a frame (H, W, 3) or batch (n, H, W, 3), uint8 RGB, to (n, h, w, 3) uint8 at the network's size.

        Frames of the network's size are unchanged; frames of the raw frame's aspect ratio are cropped in proportion and
        resized by area averaging; all others are stretched to size, with one warning per shape.

        Raises:
            InputError: another data type or shape.
        """
        if image.dtype != np.uint8 or image.ndim not in (3, 4) or image.shape[-1] != 3 or 0 in image.shape[-3:-1]:
            raise InputError(
                f"an image must be uint8 of shape (H, W, 3) or (n, H, W, 3), got {image.dtype} {image.shape}"
            )
        frames = image if image.ndim == 4 else image[None]
        height, width = frames.shape[1:3]
        if (width, height) == self.size:
            return frames
        left, top, right, bottom = self.window(width, height)
        out = np.empty((len(frames), self.size[1], self.size[0], 3), np.uint8)
        shrinks = right - left >= self.size[0] and bottom - top >= self.size[1]
        for frame, target in zip(frames, out, strict=True):
            view = frame[top:bottom, left:right]
            target[:] = cv2.resize(view, self.size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return out

    def window(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return (left, top, right, bottom) of the used part of a frame of this size [px]."""
        if (width, height) == self.size:
            return 0, 0, width, height
        raw_width, raw_height = self.raw_size
        if abs(width * raw_height - height * raw_width) > 0.01 * width * raw_height:
            _warn_of_stretching(width, height, self)
            return 0, 0, width, height
        x, y = width / raw_width, height / raw_height
        left, top = round(self.crop[0] * x), round(self.crop[1] * y)
        right, bottom = round((self.crop[0] + self.crop[2]) * x), round((self.crop[1] + self.crop[3]) * y)
        return left, top, max(right, left + 1), max(bottom, top + 1)


@cache
def _warn_of_stretching(width: int, height: int, preprocessing: Preprocessing) -> None:
    """Warn of stretched frames; cached, so that a stream of frames warns only once."""
    (w, h), (raw_w, raw_h) = preprocessing.size, preprocessing.raw_size
    warnings.warn(
        f"images.{preprocessing.camera} is {width}x{height}: stretched to {w}x{h}; expected {raw_w}x{raw_h} or {w}x{h}",
        stacklevel=4,
    )


def network_input(
    observation: Mapping[str, np.ndarray], preprocessing: Preprocessing, state: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a network's images (n, h, w, 3) uint8 and, if it has a state input of length S > 0, that (n, S) float32.

    Raises:
        InputError: the camera or the state is missing, an image is invalid, or the state is not finite, used or not.
    """
    if preprocessing.key not in observation:
        cameras = [name for name in observation if name.startswith("images.")]
        have = ", ".join(cameras) or "none"
        raise InputError(f"the policy needs {preprocessing.key!r}; cameras present: {have}")
    images = np.ascontiguousarray(preprocessing(np.asarray(observation[preprocessing.key])))
    if "state" not in observation:
        if state:
            raise InputError(f"the policy needs 'state'; the observation has: {', '.join(observation)}")
        return images, None
    values = np.asarray(observation["state"], np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"the observation's state is not finite: {values[~np.isfinite(values)].size} bad values")
    return images, np.atleast_2d(values) if state else None


def normalize(images: np.ndarray, normalization: str = "per-image") -> np.ndarray:
    """Normalize (n, H, W, 3) uint8 to (n, 3, H, W) float32 for the network, identically to Policy.

    "per-image" uses mean and standard deviation over the image with all channels: this removes exposure and contrast
    and keeps differences between colours. "per-channel" uses them per channel, which also removes a colour cast (grey
    world) but loses absolute colour. "none" maps 0 … 255 to -1 … 1.
    """
    x = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)
    if normalization == "none":
        return x / 127.5 - 1.0
    axes = (1, 2, 3) if normalization == "per-image" else (2, 3)
    mean, std = x.mean(axes, keepdims=True), x.std(axes, keepdims=True)
    return (x - mean) / np.maximum(std, MIN_STD)
