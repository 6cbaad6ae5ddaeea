# pyright: reportArgumentType=false, reportCallIssue=false
"""What a camera sees of a map: each pixel averages the cells that it covers."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sim2real.tracks.ground import Mount
from sim2real.tracks.mosaic import Mosaic

_LEVELS = 4  # pictures of the map, each of half the resolution: far pixels cover many cells
_MOST = 8  # samples down a pixel
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
        tall = replace(mount, camera=camera.resize(camera.width, camera.height * _MOST))
        fine, below = (each.reshape(camera.height, _MOST, camera.width, -1) for each in tall.ground())
        distance = np.linalg.norm(fine - np.array([mount.x, 0.0]), axis=-1).mean(1)
        fade = np.clip((_FADES[1] - distance) / (_FADES[1] - _FADES[0]), 0, 1)
        self._fade = np.where(below.all((1, 3)), fade, 0).astype(np.float32)[..., None]
        self._first = int(np.argmax(self._fade.max((1, 2)) > 0))
        self._bands = self._split(fine)

    def _split(self, fine: np.ndarray) -> list[_Band]:
        """Return bands of the rows (h, _MOST, w, 2) m that have the same sampling."""
        sampling = [self._sampling(row) for row in fine]
        starts = [k for k in range(self._first, len(fine)) if k == self._first or sampling[k] != sampling[k - 1]]
        bands = []
        for first, last in zip(starts, [*starts[1:], len(fine)], strict=True):
            samples, level = sampling[first]
            ground = fine[first:last].reshape(last - first, samples, _MOST // samples, *fine.shape[2:]).mean(2)
            bands.append(_Band(slice(first, last), level, ground.reshape(-1, *fine.shape[2:]).astype(np.float32)))
        return bands

    def _sampling(self, row: np.ndarray) -> tuple[int, int]:
        """Return the samples down each pixel of a row (_MOST, w, 2) m, and the level of the map's pyramid."""
        down = np.median(np.linalg.norm(row[-1] - row[0], axis=-1)) * _MOST / (_MOST - 1)
        aside = np.median(np.linalg.norm(np.diff(row[_MOST // 2], axis=0), axis=-1))
        # Seen from the side a pixel is long: several samples down, each as wide as the pixel.
        wanted = np.log2(max(down, 1e-9) / max(aside, self._mosaic.cell))
        samples = 2 ** int(np.clip(np.ceil(wanted), 0, np.log2(_MOST)))
        gap = max(aside, down / samples) / self._mosaic.cell
        return samples, int(np.clip(np.round(np.log2(max(gap, 1.0))), 0, _LEVELS - 1))

    def __call__(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return colours (h, w, 3) float32 RGB times what is known of them, and that share (h, w, 1) in [0, 1].

        Args:
            pose: (3,) map_from_car.
        """
        seen = np.zeros((*self._shape, 4), np.float32)
        c, s = np.cos(pose[2]), np.sin(pose[2])
        turn = np.array([[s, c], [c, -s]])  # of x and y to columns (along y) and rows (along x)
        shift = (pose[:2] - self._mosaic.origin)[::-1]
        for band in self._bands:
            scale = self._mosaic.cell * 2**band.level
            at = band.ground @ (turn / scale).astype(np.float32) + (shift / scale).astype(np.float32)
            drawn = cv2.remap(self._pyramid[band.level], at, None, cv2.INTER_LINEAR)
            count = band.rows.stop - band.rows.start
            seen[band.rows] = drawn.reshape(count, -1, *drawn.shape[1:]).mean(1, dtype=np.float32)
        seen[self._first :] *= self._fade[self._first :]
        return seen[..., :3], seen[..., 3:] / 255

    def colours(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return colours (h, w, 3) float32 RGB, and where all of the pixel is known (h, w) bool."""
        drawn, share = self(pose)
        return drawn / np.maximum(share, 1e-3), share[..., 0] > 0.99
