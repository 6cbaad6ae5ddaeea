# pyright: reportArgumentType=false, reportCallIssue=false
"""The nearest mapped keyframe of a pose, and what a car elsewhere would see of it."""

import cv2
import numpy as np
from scipy.spatial import KDTree

from sim2real.tracks.drawing.appearance import agrees, gains_of
from sim2real.tracks.drawing.map_view import MapView
from sim2real.tracks.ground import Mount
from sim2real.tracks.poses import relative
from sim2real.tracks.rebuilt import Keyframes

TURN = 1.5  # m per rad: how much nearer a keyframe must be to make up for its turn, which takes it out of the frame
MOST = 8000  # keyframes that are kept in memory, of 58 kB each at 160x120
_TRIED = 8  # nearest keyframes, of which the first that agrees with the map is taken
_FINE = 2  # px between the places that are projected; those between are interpolated
_MARGIN = 6.0  # px along a frame's border over which it fades out


class Nearby:
    """Keyframes that the map was made of, in the map's light; held-out ones are never used.

    Each is decoded once, when it is first needed. Those that do not show what the map has at their pose have a wrong
    one, and are passed over.

    Args:
        frames: all keyframes.
        view: of the map.
        shading: (h, w, 1) of `Appearance`.

    Attributes:
        keys: (m,) indices of the mapped ones among all.
        poses: (m, 3) map_from_car.
    """

    def __init__(self, frames: Keyframes, view: MapView, shading: np.ndarray) -> None:
        mapped = np.flatnonzero(~frames.held_out)
        self.keys = mapped[np.linspace(0, len(mapped) - 1, min(len(mapped), MOST)).astype(int)]
        self.poses, self._frames, self._view, self._shading = frames.poses[self.keys], frames, view, shading
        self._tree = KDTree(_features(self.poses))
        self._images: dict[int, np.ndarray] = {}
        self._agrees: dict[int, bool] = {}

    def nearest(self, poses: np.ndarray) -> np.ndarray:
        """Return (n,) indices, of `keys`, of the keyframes nearest in place and heading to poses (n, 3)."""
        count = min(_TRIED, len(self.keys))
        found = np.reshape(self._tree.query(_features(np.asarray(poses)), k=count)[1], (-1, count))
        return np.array([next((k for k in each if self.agrees(int(k))), each[0]) for each in found], int)

    def agrees(self, k: int) -> bool:
        """Return whether a keyframe shows what the map has at its pose."""
        self.image(k)
        return self._agrees[k]

    def image(self, k: int) -> np.ndarray:
        """Return (h, w, 3) uint8 RGB of a keyframe, without its shading and exposure."""
        if k not in self._images:
            image = self._frames.image(int(self.keys[k])) / self._shading
            gains, correlation = gains_of(image, *self._view.colours(self.poses[k]))
            self._agrees[k] = agrees(correlation)
            lit = image / (np.clip(gains, 0.5, 2) if self._agrees[k] else 1.0)
            self._images[k] = np.rint(np.clip(lit, 0, 255)).astype(np.uint8)
        return self._images[k]


def _features(poses: np.ndarray) -> np.ndarray:
    """Return (n, 4): places, and headings on a circle so large that distances on it are those of TURN."""
    x, y, yaw = np.moveaxis(poses, -1, 0)
    return np.stack([x, y, TURN * np.cos(yaw), TURN * np.sin(yaw)], -1)


def _level_from_camera(mount: Mount) -> np.ndarray:
    """Return the rotation (3, 3) of directions of a camera (right, down, along its view) to ahead, left and down."""
    c, s, cr, sr = np.cos(mount.pitch), np.sin(mount.pitch), np.cos(mount.roll), np.sin(mount.roll)
    return np.array([[0, -s, c], [-cr, sr * c, sr * s], [sr, cr * c, cr * s]])


class Warp:
    """What a camera would see elsewhere of what it saw from a keyframe: flat ground below the horizon, and above it
    what is so far away that only turning moves it.
    """

    def __init__(self, mount: Mount) -> None:
        camera = mount.camera
        self._mount, self._size = mount, (camera.width, camera.height)
        u = np.arange(0, camera.width + _FINE, _FINE, dtype=float)
        v = np.arange(0, camera.height + _FINE, _FINE, dtype=float)
        ray = camera.unproject(np.stack(np.meshgrid(u, v), -1))
        level = ray @ _level_from_camera(mount).T
        self._down, self._flat = level[..., 2], level[..., :2]
        rows = np.arange(camera.height, dtype=np.float32)
        columns = np.arange(camera.width, dtype=np.float32)
        self._between = np.meshgrid(columns / np.float32(_FINE), rows / np.float32(_FINE))

    def pixels(self, keyframe_from_car: np.ndarray, rows: int) -> np.ndarray:
        """Return (rows, w, 2) float32, where in the keyframe each pixel of the upper rows is; -1e4 if nowhere."""
        coarse = slice(0, rows // _FINE + 2)
        down, level = self._down[coarse], self._flat[coarse]
        c, s = np.cos(keyframe_from_car[2]), np.sin(keyframe_from_car[2])
        turn, ahead = np.array([[c, s], [-s, c]]), np.array([self._mount.x, 0.0])
        moved = ahead @ turn + keyframe_from_car[:2] - ahead  # of the camera
        # A ray's point on the ground, times its slope: so the horizon is no limit.
        flat = level @ turn + np.maximum(down, 0)[..., None] / self._mount.height * moved
        seen = self._mount.camera.project(np.dstack([flat, down]) @ _level_from_camera(self._mount))
        known = np.nan_to_num(seen, nan=-1e4).astype(np.float32)
        u, v = (each[:rows] for each in self._between)
        return cv2.remap(known, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def __call__(
        self, image: np.ndarray, keyframe: np.ndarray, pose: np.ndarray, rows: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what a keyframe's image shows from a pose, and how much of it is known.

        Args:
            image: (h, w, 3) uint8.
            keyframe, pose: (3,) map_from_car.
            rows: number of upper rows that are wanted.

        Returns:
            (rows, w, 3) uint8, and (rows, w, 1) float32 in [0, 1].
        """
        at = self.pixels(relative(keyframe, pose), rows)
        # Mirrored where it ends: streaks would tell how far the car is turned from the keyframe.
        seen = cv2.remap(image, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        x, y = at[..., 0], at[..., 1]
        inside = np.minimum(np.minimum(x, self._size[0] - 1 - x), np.minimum(y, self._size[1] - 1 - y))
        return seen, np.clip(inside / _MARGIN, 0, 1)[..., None]
