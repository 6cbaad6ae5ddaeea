"""What a camera sees of a map: each pixel averages the cells that it covers."""

from dataclasses import dataclass

import cv2
import numpy as np

from sim2real.tracks.ground import Mount
from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.poses import applied

_LEVELS = 4  # pictures of the map, each of half the resolution: far pixels cover many cells
_ROWS, _MOST = 4, 8  # rows of a band, and samples of a pixel down at most
_FADES = (1.8, 3.0)  # m, over which the map gives way: farther off the world is not flat


@dataclass(frozen=True)
class _Band:
    """Rows of the frame that cover the map's cells about equally.

    Attributes:
        rows: of the frame.
        level: of the map's pyramid.
        ground: (rows * samples, w, 2) float32 m in the car's frame, several samples down a pixel.
    """

    rows: slice
    level: int
    ground: np.ndarray


class MapView:
    """Draws what a camera sees of a map, as far as the map is known and the world is flat.

    Args:
        mosaic: the map.
        mount: the camera.
    """

    def __init__(self, mosaic: Mosaic, mount: Mount) -> None:
        self._mosaic, camera = mosaic, mount.camera
        self._shape = camera.height, camera.width
        known = mosaic.known.astype(np.uint8)[..., None]
        self._pyramid = [np.concatenate([mosaic.colours * known, known * 255], 2)]
        for _ in range(_LEVELS - 1):
            self._pyramid.append(cv2.pyrDown(self._pyramid[-1]))
        tall = Mount(camera.resize(camera.width, camera.height * _MOST), mount.x, mount.height, mount.pitch)
        fine, below = (each.reshape(camera.height, _MOST, camera.width, -1) for each in tall.ground())
        distance = np.linalg.norm(fine - np.array([mount.x, 0.0]), axis=-1).mean(1)
        fade = np.clip((_FADES[1] - distance) / (_FADES[1] - _FADES[0]), 0, 1)
        self._fade = np.where(below.all((1, 3)), fade, 0).astype(np.float32)[..., None]
        self._first = int(np.argmax(self._fade.max((1, 2)) > 0))
        self._bands = [self._band(fine, row) for row in range(self._first, camera.height, _ROWS)]

    def _band(self, fine: np.ndarray, row: int) -> _Band:
        rows = slice(row, min(row + _ROWS, len(fine)))
        part = fine[rows]
        down = np.median(np.linalg.norm(part[:, -1] - part[:, 0], axis=-1)) * _MOST / (_MOST - 1)
        aside = np.median(np.linalg.norm(np.diff(part[:, _MOST // 2], axis=1), axis=-1))
        # Seen from the side a pixel is long: several samples down, each as wide as the pixel.
        wanted = np.log2(max(down, 1e-9) / max(aside, self._mosaic.cell))
        samples = 2 ** int(np.clip(np.ceil(wanted), 0, np.log2(_MOST)))
        gap = max(aside, down / samples) / self._mosaic.cell
        ground = part.reshape(len(part), samples, _MOST // samples, *part.shape[2:]).mean(2)
        level = int(np.clip(np.round(np.log2(max(gap, 1.0))), 0, _LEVELS - 1))
        return _Band(rows, level, ground.reshape(-1, *part.shape[2:]).astype(np.float32))

    def __call__(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return colours (h, w, 3) float32 RGB times what is known of them, and that share (h, w, 1) in [0, 1].

        Args:
            pose: (3,) map_from_car.
        """
        seen = np.zeros((*self._shape, 4), np.float32)
        for band in self._bands:
            scale = self._mosaic.cell * 2**band.level
            at = ((applied(pose, band.ground) - self._mosaic.origin) / scale).astype(np.float32)
            drawn = cv2.remap(self._pyramid[band.level], at[..., 1], at[..., 0], cv2.INTER_LINEAR)
            count = band.rows.stop - band.rows.start
            seen[band.rows] = drawn.reshape(count, -1, *drawn.shape[1:]).mean(1, dtype=np.float32)
        seen[self._first :] *= self._fade[self._first :]
        return seen[..., :3], seen[..., 3:] / 255

    def colours(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return colours (h, w, 3) float32 RGB, and where all of the pixel is known (h, w) bool."""
        drawn, share = self(pose)
        return drawn / np.maximum(share, 1e-3), share[..., 0] > 0.99
