"""Two frames of a flat ground in the same pixels and equally sharp, and how they move by camera and motion."""

from dataclasses import dataclass

import cv2
import numpy as np

from sim2real.tracks.ground import AHEAD
from sim2real.tracks.photometric.optics import PARAMETERS, STEPS, Optics
from sim2real.tracks.poses import applied, inverse

ASIDE = 1.0  # m
MARGIN = 3  # px of the frame's edge that are not used
MOTION = ("x", "y", "yaw", "nod of the first frame", "nod of the second", "lean of the first", "lean of the second")
"""m, m, rad of first_from_second, and rad by which each frame's camera looks farther down, and is rolled clockwise."""
_FINE = 2  # pixels of the first frame are halved where the second one is drawn in them
_FAR = 3.0  # m that are looked at, at most
_WHOLE = 0.97  # share of a blurred pixel that is known
_SLIGHT = 1e-6  # m or rad, of differences
_NOWHERE = -1e3  # px


@dataclass(frozen=True)
class Pair:
    """Two frames of the ground.

    Attributes:
        first, second: (h, w, 3) uint8 RGB.
        motion: (3,) first_from_second of the car [m, m, rad].
        unit: index of the independent unit that it belongs to.
        where: episode and rows, to name it.
        turned: by how much the car turned from the first to the second, as its laps tell [rad]; None: not known.
    """

    first: np.ndarray
    second: np.ndarray
    motion: np.ndarray
    unit: int
    where: tuple[int, int, int]
    turned: float | None = None


@dataclass(frozen=True)
class Grid:
    """What the pixels of a frame show of the ground, and how that changes with the camera.

    Attributes:
        optics: the camera.
        free: (7,) bool, the PARAMETERS that slopes are by; others have zeros.
        ground: (h, w, 2) m
        fine: (2 h, 2 w, 2) m, of half pixels; NaN above the horizon.
        by_camera: (h, w, 2, 7) m per PARAMETERS.
        by_pixel: (h, w, 2, 2) m per px along x and y.
        usable: (h, w) bool, whether they show ground near enough.
    """

    optics: Optics
    free: np.ndarray
    ground: np.ndarray
    fine: np.ndarray
    by_camera: np.ndarray
    by_pixel: np.ndarray
    usable: np.ndarray

    @classmethod
    def of(cls, optics: Optics, free: np.ndarray) -> "Grid":
        """Return that of a camera."""
        pixels = _pixels(optics, 1)
        ground, fine = optics.on_ground(pixels), optics.on_ground(_pixels(optics, _FINE))
        by_camera = np.zeros((*ground.shape, len(PARAMETERS)))
        for k, step in _steps(free):
            by_camera[..., k] = (optics.moved(step).on_ground(pixels) - ground) / STEPS[k]
        by_pixel = np.stack([np.gradient(ground, axis=1), np.gradient(ground, axis=0)], -1)
        seen = np.nan_to_num(ground, nan=-1.0)
        usable = (seen[..., 0] > AHEAD[0]) & (seen[..., 0] < AHEAD[1]) & (np.abs(seen[..., 1]) < ASIDE)
        usable &= np.isfinite(by_pixel).all((-1, -2)) & np.isfinite(by_camera).all((-1, -2))
        return cls(optics, free, np.nan_to_num(ground, nan=1e3), fine, by_camera, by_pixel, usable)


def _pixels(optics: Optics, parts: int) -> np.ndarray:
    """Return (parts * h, parts * w, 2) px, the middles of pixels that are divided in so many along each axis."""
    camera = optics.camera
    along = [(np.arange(parts * n) + 0.5) / parts - 0.5 for n in (camera.width, camera.height)]
    return np.stack(np.meshgrid(*along), -1)


def _steps(free: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(int(k), STEPS * (np.arange(len(STEPS)) == k)) for k in np.flatnonzero(free)]


def shown_at(optics: Optics, ground: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return the first frame's pixels (..., 2) of what a second one shows at points (..., 2) m of the ground.

    Args:
        motion: (7,) see MOTION.
    """
    there = applied(motion[:3], optics.level(ground, motion[4], motion[6]))
    return optics.pixels(optics.apparent(there, motion[3], motion[5]))


def _looked_up(grid: Grid, ground: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return the first frame's pixels (..., 2) float32 of points (..., 2) m that a second one shows."""
    at = np.full(ground.shape, _NOWHERE, np.float32)
    near = np.asarray(np.nan_to_num(np.abs(ground), nan=np.inf).max(-1) < _FAR)
    at[near] = np.nan_to_num(shown_at(grid.optics, ground[near], motion), nan=_NOWHERE)
    return at


def matched(grid: Grid, first: np.ndarray, second: np.ndarray, motion: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return both frames (h, w) float32 in the second one's pixels and equally sharp, and where both are known (h, w).

    What comes nearer is sharper, and a line that narrows while it comes nearer looks moved. Each frame is blurred once
    more as the other one already is: the first in the second one's pixels, the second in the first one's.

    Args:
        first, second: (h, w) float32 brightness.
        motion: (7,) see MOTION.
    """
    at, back = _looked_up(grid, grid.ground, motion), np.array([*inverse(motion[:3]), *motion[[4, 3, 6, 5]]])
    there, halves = _looked_up(grid, grid.fine, back), _FINE * at + (_FINE - 1) / 2
    soft = np.array(grid.optics.soft)
    here, whole = _softened(_remapped(first, at), _inside(at, first.shape), soft)
    blurred, share = _softened(_remapped(second, there), _inside(there, second.shape), _FINE * soft)
    known = grid.usable & (whole > _WHOLE) & (_remapped(share, halves) > _WHOLE)
    return here, _remapped(blurred, halves), known.astype(np.float32)


def _softened(image: np.ndarray, known: np.ndarray, soft: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an image (h, w) blurred by (2,) px, and which share of each blurred pixel (h, w) was known."""
    share = known.astype(np.float32)
    summed, share = (cv2.GaussianBlur(each, (0, 0), soft[0], sigmaY=soft[1]) for each in (image * share, share))
    return summed / np.maximum(share, 1e-3), share


def _inside(at: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape[:2]
    u, v = at[..., 0], at[..., 1]
    return np.asarray((u > MARGIN) & (u < width - 1 - MARGIN) & (v > MARGIN) & (v < height - 1 - MARGIN))


def _remapped(image: np.ndarray, at: np.ndarray) -> np.ndarray:
    return cv2.remap(image, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def flow(grid: Grid, points: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return (P, 2, 14) px, how what the second frame's points (P,) show of the first one moves against the second.

    By PARAMETERS, and by MOTION.
    """
    optics, ground = grid.optics, grid.ground.reshape(-1, 2)[points]
    at = shown_at(optics, ground, motion)
    by_ground = np.stack([(shown_at(optics, ground + e, motion) - at) / _SLIGHT for e in _SLIGHT * np.eye(2)], -1)
    by_camera = by_ground @ grid.by_camera.reshape(-1, 2, len(PARAMETERS))[points]
    for k, step in _steps(grid.free):
        by_camera[..., k] += (shown_at(optics.moved(step), ground, motion) - at) / STEPS[k]
    moves = _SLIGHT * np.eye(len(MOTION))
    by_motion = np.stack([(shown_at(optics, ground, motion + each) - at) / _SLIGHT for each in moves], -1)
    local = by_ground @ grid.by_pixel.reshape(-1, 2, 2)[points]  # pixels of the first frame per pixel of the second
    return np.linalg.solve(local, np.concatenate([by_camera, by_motion], -1))
