"""Camera frames from the map of a rebuilt track."""

import cv2
import numpy as np

from sim2real.tracks.poses import applied
from sim2real.tracks.rebuilt import RebuiltTrack

_LEVELS = 4  # pictures of the map, each of half the resolution: far pixels cover many cells


class MapRenderer:
    """Draws what the track's camera sees of the map; grey above the horizon."""

    def __init__(self, track: RebuiltTrack) -> None:
        self._mosaic = track.mosaic
        self._ground, self._below = track.mount.ground()
        self._pyramid = [track.mosaic.colours]
        for _ in range(_LEVELS - 1):
            self._pyramid.append(cv2.pyrDown(self._pyramid[-1]))
        gaps = [np.linalg.norm(np.gradient(self._ground, axis=axis), axis=-1) for axis in (0, 1)]
        level = np.log2(np.maximum(np.maximum(*gaps) / self._mosaic.cell, 1))
        self._level = np.where(self._below, np.clip(np.nan_to_num(level), 0, _LEVELS - 1), 0)

    def frames(self, poses: np.ndarray) -> np.ndarray:
        """Return (n, h, w, 3) uint8 RGB, raw frames of a car at poses (n, 3) map_from_car."""
        return np.stack([self._frame(pose) for pose in poses])

    def _frame(self, pose: np.ndarray) -> np.ndarray:
        place = ((applied(pose, self._ground) - self._mosaic.origin) / self._mosaic.cell).astype(np.float32)
        whole, seen = np.round(self._level), np.zeros((*self._below.shape, 3), np.uint8)
        for k, picture in enumerate(self._pyramid):
            at = place / 2**k
            drawn = cv2.remap(picture, at[..., 1], at[..., 0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            seen = np.where((whole == k)[..., None], drawn, seen)
        return np.where(self._below[..., None], seen, 128).astype(np.uint8)
