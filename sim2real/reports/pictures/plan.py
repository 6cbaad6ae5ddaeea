"""The map of a rebuilt track from above, with paths, places and a car."""

import cv2
import numpy as np

from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.rebuilding.writing import picture

_PALE = 0.45  # share of white over the map, so that what is drawn on it shows
_FINE = 16  # parts of a pixel that OpenCV is told


class Plan:
    """A pale picture of the map, `width` px wide, to draw on; x to the right, y up."""

    def __init__(self, mosaic: Mosaic, width: int) -> None:
        whole = picture(mosaic)
        known = np.argwhere((whole < 255).any(-1))
        low, high = (known.min(0), known.max(0) + 1) if len(known) else (np.zeros(2, int), np.array(whole.shape[:2]))
        part = whole[low[0] : high[0], low[1] : high[1]]
        self._scale, self._mosaic = width / part.shape[1], mosaic
        self._corner = np.array([low[1], whole.shape[0] - 1 - low[0]])  # cells along x and y of the upper left
        size = width, max(round(part.shape[0] * self._scale), 1)
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR)
        self.image = (small + _PALE * (255.0 - small)).astype(np.uint8)

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Return (n, 2) px, to the right and down, of places (n, 2) m."""
        cells = (np.asarray(places) - self._mosaic.origin) / self._mosaic.cell - self._corner
        return cells * [self._scale, -self._scale]

    def path(self, places: np.ndarray, colour: tuple[int, int, int], thick: int = 1) -> None:
        """Draw a line through places (n, 2) m."""
        points = np.round(self.pixels(places) * _FINE).astype(np.int32)[:, None]
        cv2.polylines(self.image, [points], False, colour, thick, cv2.LINE_AA, int(np.log2(_FINE)))

    def marks(self, places: np.ndarray, colour: tuple[int, int, int], size: int = 4) -> None:
        """Draw a cross at places (n, 2) m."""
        for u, v in np.round(self.pixels(places)).astype(int).tolist():
            for way in (-size, size):
                cv2.line(self.image, (u - size, v - way), (u + size, v + way), colour, 2, cv2.LINE_AA)

    def car(self, pose: np.ndarray, colour: tuple[int, int, int]) -> None:
        """Draw a triangle that points ahead, at a pose (3,)."""
        u, v = self.pixels(pose[None, :2])[0]
        c, s = np.cos(pose[2]), -np.sin(pose[2])
        corners = np.array([[11, 0], [-7, 6], [-7, -6]]) @ np.array([[c, s], [-s, c]]) + [u, v]
        cv2.fillPoly(self.image, [np.round(corners).astype(np.int32)], colour, cv2.LINE_AA)

    def copy(self) -> "Plan":
        """Return a plan with the same picture so far, to draw on."""
        result = object.__new__(Plan)
        result.__dict__.update(self.__dict__, image=self.image.copy())
        return result
