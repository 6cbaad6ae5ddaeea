"""The map: an image of the ground, joined from all frames with known poses."""

from dataclasses import dataclass

import cv2
import numpy as np

from sim2real.tracks.ground import AHEAD, ASIDE, CELL, LEVEL, GroundView
from sim2real.tracks.poses import applied
from sim2real.tracks.rasters import Raster, raster

_MARGIN = float(np.hypot(AHEAD[1], ASIDE))  # m around the path
_SHARPER = 3  # power of the sharpness that weights a frame: the nearest views decide where there are several


@dataclass(frozen=True)
class Mosaic:
    """A map of the ground.

    Attributes:
        colours: (H, W, 3) uint8 RGB; rows go along x, columns along y.
        coverage: (H, W) float32, sum of the frames' sharpness; 0: never seen.
        origin: (2,) m, the middle of cell [0, 0].
        cell: [m]
    """

    colours: np.ndarray
    coverage: np.ndarray
    origin: np.ndarray
    cell: float

    @property
    def known(self) -> np.ndarray:
        """Return (H, W) bool, the cells that any frame saw."""
        return np.asarray(self.coverage > 0)

    def raster(self) -> Raster:
        """Return the raster that frames are registered to."""
        return raster(self.colours, self.known, self.origin, self.cell)


class MosaicMaker:
    """Joins frames; all poses are map_from_car."""

    def __init__(self, view: GroundView, poses: np.ndarray, cell: float = CELL) -> None:
        self._view, self._cell = view, cell
        low, high = poses[:, :2].min(0) - _MARGIN, poses[:, :2].max(0) + _MARGIN
        self._origin = np.floor(low / cell) * cell
        height, width = np.ceil((high - self._origin) / cell).astype(int) + 1
        self._sum = np.zeros((height, width, 3), np.float32)
        self._weight = np.zeros((height, width), np.float32)
        self._corners = np.array([[a, b] for a in AHEAD for b in (-ASIDE, ASIDE)])

    def add(self, image: np.ndarray, pose: np.ndarray, tilt: np.ndarray = LEVEL) -> None:
        """Add a raw frame (h, w, 3) uint8 RGB at a pose (3,), whose camera was tilted by (2,) rad."""
        view, cell = self._view.tilted(tilt), self._cell
        at = (applied(pose, self._corners) - self._origin) / cell
        low = np.floor(at.min(0)).astype(int)
        height, width = np.ceil(at.max(0)).astype(int) - low + 1
        # Cells of the map to cells of the view: x and y are rows and columns, OpenCV counts columns first.
        c, s = np.cos(pose[2]), np.sin(pose[2])
        turn = np.array([[c, s], [-s, c]]) * cell / view.cell
        shift = (np.array([[c, s], [-s, c]]) @ (low * cell + self._origin - pose[:2]) - view.ground[0, 0]) / view.cell
        affine = np.array([[turn[1, 1], turn[1, 0], shift[1]], [turn[0, 1], turn[0, 0], shift[0]]])
        flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (int(width), int(height))
        # Weighted before they are warped: else what is not seen, which is black, would darken a frame's edges.
        weight = (view.sharpness**_SHARPER)[..., None]
        weighted = np.concatenate([view.colours(image) * weight, weight], 2).astype(np.float32)
        warped = cv2.warpAffine(weighted, affine, size, flags=flags)
        part = np.s_[low[0] : low[0] + height, low[1] : low[1] + width]
        self._sum[part] += warped[..., :3]
        self._weight[part] += warped[..., 3]

    def mosaic(self) -> Mosaic:
        """Return the map so far."""
        colours = self._sum / np.maximum(self._weight, 1e-9)[..., None]
        return Mosaic(np.round(colours).astype(np.uint8), self._weight, self._origin, self._cell)
