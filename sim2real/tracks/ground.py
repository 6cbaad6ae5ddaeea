"""Views of the ground from above: what a camera sees of a flat floor, on a grid in the car's frame."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from envs.camera import Camera

CELL = 0.01  # m
AHEAD = (0.22, 1.5)  # m from the car's middle: nearer the bumper hides the floor, farther a pixel covers many cells
ASIDE = 0.7  # m
LEVEL = np.zeros(2)  # rad, of a camera that is not tilted
_HORIZON = 0.03  # sine of the angle below the horizon, from where on a pixel sees ground
_LOCAL = 0.15  # m, blur of the brightness that is subtracted: shading that moves with the car looks like standing still


@dataclass(frozen=True)
class Mount:
    """A camera and its pose on a car; x ahead, y left, z up, from the car's middle on the ground.

    Attributes:
        camera: intrinsics of the raw frame.
        x: of the camera, ahead [m].
        height: [m]
        pitch: down [rad].
        roll: about the car's axis ahead, clockwise as the camera looks [rad].
    """

    camera: Camera
    x: float
    height: float
    pitch: float
    roll: float = 0.0

    def pixels(self, ground: np.ndarray) -> np.ndarray:
        """Project points (..., 2) [m] on the ground in the car's frame to pixels (..., 2); NaN where unseen."""
        # Camera frame: x right, y down, z along the view.
        ahead, right = ground[..., 0] - self.x, -ground[..., 1]
        c, s, cr, sr = np.cos(self.pitch), np.sin(self.pitch), np.cos(self.roll), np.sin(self.roll)
        across, below = right * cr + self.height * sr, self.height * cr - right * sr
        return self.camera.project(np.stack([across, below * c - ahead * s, ahead * c + below * s], -1))

    def on_ground(self, pixels: np.ndarray) -> np.ndarray:
        """Return the points (..., 2) [m] of the ground that pixels (..., 2) show; NaN at the horizon and above."""
        ray = self.camera.unproject(pixels)
        c, s, cr, sr = np.cos(self.pitch), np.sin(self.pitch), np.cos(self.roll), np.sin(self.roll)
        below, ahead = ray[..., 1] * c + ray[..., 2] * s, ray[..., 2] * c - ray[..., 1] * s
        right, down = ray[..., 0] * cr - below * sr, below * cr + ray[..., 0] * sr
        far = self.height / np.where(down > _HORIZON, down, np.nan)
        return np.stack([self.x + far * ahead, -far * right], -1)

    def tilting(self, ground: np.ndarray) -> np.ndarray:
        """Return by how much (..., 2, 2) m per rad points (..., 2) of the ground seem to move if the camera tilts.

        The last axis: it looks farther down; it rolls clockwise as it looks.
        """
        ahead, left, h = ground[..., 0] - self.x, ground[..., 1], self.height
        across = ahead * left / h
        return np.stack([-np.stack([h + ahead**2 / h, across], -1), np.stack([across, h + left**2 / h], -1)], -1)

    def ground(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (h, w, 2) m on the ground in the car's frame, what each pixel sees, and whether it sees any (h, w)."""
        u, v = np.meshgrid(np.arange(self.camera.width), np.arange(self.camera.height))
        at = self.on_ground(np.stack([u, v], -1).astype(float))
        seen = np.asarray(np.isfinite(at).all(-1))
        return np.where(seen[..., None], at, 0.0), seen


@dataclass(frozen=True)
class GroundView:
    """Resampling of a camera's frames to a grid of the ground; rows go ahead from the car, columns to the left.

    Attributes:
        mount: the camera.
        cell: [m]
    """

    mount: Mount
    cell: float = CELL

    def tilted(self, tilt: np.ndarray) -> "GroundView":
        """Return the view of the camera while it looks farther down, and is rolled clockwise, by (2,) rad."""
        pitch, roll = self.mount.pitch + float(tilt[0]), self.mount.roll + float(tilt[1])
        return replace(self, mount=replace(self.mount, pitch=pitch, roll=roll)) if np.any(tilt) else self

    @cached_property
    def ground(self) -> np.ndarray:
        """Return (H, W, 2) m, the cells' middles in the car's frame."""
        ahead = np.arange(AHEAD[0], AHEAD[1], self.cell) + self.cell / 2
        aside = np.arange(-ASIDE, ASIDE, self.cell) + self.cell / 2
        return np.stack(np.meshgrid(ahead, aside, indexing="ij"), -1)

    @cached_property
    def _pixels(self) -> tuple[np.ndarray, np.ndarray]:
        at = np.nan_to_num(self.mount.pixels(self.ground), nan=-1e3).astype(np.float32)
        return at[..., 0], at[..., 1]

    @cached_property
    def seen(self) -> np.ndarray:
        """Return (H, W) bool, the cells that lie inside the frame."""
        u, v = self._pixels
        camera = self.mount.camera
        return np.asarray((u >= 1) & (u <= camera.width - 2) & (v >= 1) & (v <= camera.height - 2))

    @cached_property
    def sharpness(self) -> np.ndarray:
        """Return (H, W) in [0, 1], image pixels per cell along the coarser direction, 1 at most; 0 where unseen."""
        u, v = self._pixels
        across = np.hypot(np.gradient(u, axis=1), np.gradient(v, axis=1))
        along = np.hypot(np.gradient(u, axis=0), np.gradient(v, axis=0))
        return np.where(self.seen, np.clip(np.minimum(across, along), 0, 1), 0)

    def colours(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB of the ground from a raw frame (h, w, 3) uint8 RGB; 0 where unseen."""
        return cv2.remap(image, *self._pixels, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def contrast(colours: np.ndarray, seen: np.ndarray, cell: float) -> np.ndarray:
    """Return (H, W, 3) float32 CIELAB without local means, 0 where unseen.

    Args:
        colours: (H, W, 3) uint8 RGB.
        seen: (H, W) share of each cell that is known.
        cell: [m]
    """
    lab = cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    known, sigma = seen.astype(np.float32), _LOCAL / cell
    # In quarter size: a blur of many cells has nothing finer.
    size = (max(known.shape[1] // 4, 1), max(known.shape[0] // 4, 1))
    small = cv2.resize(np.dstack([lab * known[..., None], known]), size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    local = cv2.resize(small[..., :3] / np.maximum(small[..., 3:], 1e-3), known.shape[::-1])
    return (lab - local) * known[..., None]
