"""Photometric agreement of two frames of a flat ground, and its slopes by camera and motion.

Direct bundle adjustment (Irani & Anandan 1999; Engel et al. 2018): the first frame is warped to the second one's pixels
by way of the ground, and their difference is filtered there. No view from above is made: in one, a camera that smears
its cells lowers every difference. Filters act on the difference alone: as a thing comes nearer it grows, and filters of
a size in pixels would make it look grown by something else.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sim2real.calibration.optics import PARAMETERS, STEPS, Optics
from sim2real.tracks.ground import AHEAD
from sim2real.tracks.poses import applied

LOCAL = 8.0  # px, blur of the difference that is subtracted: shading and lamps move with the car
ASIDE = 1.0  # m
MARGIN = 3  # px of the frame's edge that are not used
POINTS = 1000  # pixels of a frame with the strongest edges


@dataclass(frozen=True)
class Pair:
    """Two frames of the ground.

    Attributes:
        first, second: (h, w, 3) uint8 RGB.
        motion: (3,) first_from_second of the car [m, m, rad].
        unit: index of the independent unit that it belongs to.
        where: episode and rows, to name it.
    """

    first: np.ndarray
    second: np.ndarray
    motion: np.ndarray
    unit: int
    where: tuple[int, int, int]


@dataclass(frozen=True)
class Grid:
    """What the pixels of a frame show of the ground, and how that changes with the camera.

    Attributes:
        optics: the camera.
        free: (7,) bool, the PARAMETERS that slopes are by; others have zeros.
        ground: (h, w, 2) m
        by_camera: (h, w, 2, 7) m per PARAMETERS.
        by_pixel: (h, w, 2, 2) m per px along x and y.
        usable: (h, w) bool, whether they show ground near enough.
    """

    optics: Optics
    free: np.ndarray
    ground: np.ndarray
    by_camera: np.ndarray
    by_pixel: np.ndarray
    usable: np.ndarray

    @classmethod
    def of(cls, optics: Optics, free: np.ndarray) -> "Grid":
        """Return that of a camera."""
        camera = optics.camera
        pixels = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), -1).astype(float)
        ground = optics.on_ground(pixels)
        by_camera = np.zeros((*ground.shape, len(PARAMETERS)))
        for k, step in _steps(free):
            by_camera[..., k] = (optics.moved(step).on_ground(pixels) - ground) / STEPS[k]
        by_pixel = np.stack([np.gradient(ground, axis=1), np.gradient(ground, axis=0)], -1)
        seen = np.nan_to_num(ground, nan=-1.0)
        usable = (seen[..., 0] > AHEAD[0]) & (seen[..., 0] < AHEAD[1]) & (np.abs(seen[..., 1]) < ASIDE)
        usable[:MARGIN], usable[-MARGIN:], usable[:, :MARGIN], usable[:, -MARGIN:] = False, False, False, False
        usable &= np.isfinite(by_pixel).all((-1, -2)) & np.isfinite(by_camera).all((-1, -2))
        return cls(optics, free, np.nan_to_num(ground, nan=1e3), by_camera, by_pixel, usable)


def _steps(free: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(int(k), STEPS * (np.arange(len(STEPS)) == k)) for k in np.flatnonzero(free)]


@dataclass(frozen=True)
class Warped:
    """A pair's first frame in the second one's pixels.

    Attributes:
        difference: (h, w, 3) CIELAB, first minus second, filtered.
        slopes: (h, w, 3, 2) of the mean of both along x and y per px, filtered alike.
        known: (h, w) share of what was filtered that both frames show.
    """

    difference: np.ndarray
    slopes: np.ndarray
    known: np.ndarray


def lab(image: np.ndarray) -> np.ndarray:
    """Return (h, w, 3) float32 CIELAB of (h, w, 3) uint8 RGB."""
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def warped(grid: Grid, first: np.ndarray, second: np.ndarray, motion: np.ndarray, blur: float) -> Warped:
    """Warp a pair's first frame (h, w, 3) of `lab` to the second one's pixels; motion (3,) first_from_second."""
    at = np.full(grid.ground.shape, -1e3, np.float32)
    at[grid.usable] = np.nan_to_num(grid.optics.pixels(applied(motion, grid.ground[grid.usable])), nan=-1e3)
    height, width = second.shape[:2]
    u, v = at[..., 0], at[..., 1]
    known = grid.usable & (u > MARGIN) & (u < width - 1 - MARGIN) & (v > MARGIN) & (v < height - 1 - MARGIN)
    here = cv2.remap(first, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = known.astype(np.float32)
    both = np.dstack([(here - second) * weight[..., None], 0.5 * (here + second) * weight[..., None], weight])
    fine = _blurred(both, blur)
    values = (_known(fine) - _local(both, max(LOCAL, 3 * blur))).astype(np.float32)
    mean = np.ascontiguousarray(values[..., 3:])
    slopes = [cv2.Sobel(mean, cv2.CV_32F, dx, dy, scale=1 / 8) for dx, dy in ((1, 0), (0, 1))]
    return Warped(values[..., :3], np.stack(slopes, -1), np.where(known, fine[..., 6], 0))


def _blurred(values: np.ndarray, blur: float) -> np.ndarray:
    """Return (h, w, 7) blurred; OpenCV takes four channels at once."""
    return np.dstack([cv2.GaussianBlur(each, (0, 0), blur) for each in (values[..., :4], values[..., 4:])])


def _known(values: np.ndarray) -> np.ndarray:
    """Return (h, w, 6) of blurred (h, w, 7), whose last channel is the share that is known."""
    return values[..., :6] / np.maximum(values[..., 6:], 1e-3)


def _local(values: np.ndarray, blur: float) -> np.ndarray:
    """Return (h, w, 6) local means, in quarter size: a blur of many pixels has nothing finer."""
    height, width = values.shape[:2]
    small = cv2.resize(values, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    return cv2.resize(_known(_blurred(small, blur / 4)), (width, height), interpolation=cv2.INTER_LINEAR)


def chosen(seen: Warped) -> np.ndarray:
    """Return (P,) flat indices of the pixels with the strongest edges that both frames show."""
    strength = np.where(seen.known > 0.9, np.square(seen.slopes).sum((2, 3)), 0).ravel()
    index = np.argpartition(strength, -POINTS)[-POINTS:]
    return np.sort(index[strength[index] > 0])


def flow(grid: Grid, points: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return (P, 2, 10) px, how what the second frame's points (P,) show of the first one moves against the second.

    By PARAMETERS, and by the motion's x, y and yaw.
    """
    optics, ground = grid.optics, grid.ground.reshape(-1, 2)[points]
    there = applied(motion, ground)
    at = optics.pixels(there)
    to_pixel = np.stack([(optics.pixels(there + e) - at) / 1e-6 for e in 1e-6 * np.eye(2)], -1)
    c, s = np.cos(motion[2]), np.sin(motion[2])
    by_ground = to_pixel @ np.array([[c, -s], [s, c]])
    by_camera = by_ground @ grid.by_camera.reshape(-1, 2, len(PARAMETERS))[points]
    for k, step in _steps(grid.free):
        by_camera[..., k] += (optics.moved(step).pixels(there) - at) / STEPS[k]
    arm = there - motion[:2]
    by_yaw = to_pixel @ np.stack([-arm[:, 1], arm[:, 0]], -1)[..., None]
    in_first = np.concatenate([by_camera, to_pixel, by_yaw], -1)
    local = by_ground @ grid.by_pixel.reshape(-1, 2, 2)[points]  # pixels of the first frame per pixel of the second
    return np.linalg.solve(local, in_first)
