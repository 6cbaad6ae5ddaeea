"""Images of the ground that views are registered to, and their slopes."""

from dataclasses import dataclass

import cv2
import numpy as np

from sim2real.tracks.ground import contrast

BLURS = (3.0, 1.0)  # cells
_LINE = 0.3  # share of the stronger slopes, below which others are a line's own fading
_AROUND = 2.0  # blurs around a cell, within which a line is told from a corner


@dataclass(frozen=True)
class Raster:
    """An image of the ground that views are registered to: of a car's surroundings, or a map.

    Attributes:
        levels: per blur (H, W, 9) float32: contrast, and its slopes along both axes per metre, see `_across_lines`.
        known: (H, W) bool
        origin: (2,) m, the middle of cell [0, 0]; rows go along x, columns along y.
        cell: [m]
    """

    levels: tuple[np.ndarray, ...]
    known: np.ndarray
    origin: np.ndarray
    cell: float

    def sample(self, level: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values (P, 9) at points (P, 2) m, and whether they are known (P,)."""
        height, width = self.known.shape
        place = (at - self.origin) / self.cell
        low = np.floor(place).astype(np.intp)
        inside = (low >= 0).all(1) & (low[:, 0] < height - 1) & (low[:, 1] < width - 1)
        low = np.clip(low, 0, [height - 2, width - 2])
        k = low[:, 0] * width + low[:, 1]
        inside &= self.known.ravel()[k]
        f = (place - low).astype(np.float32)[..., None]
        flat = self.levels[level].reshape(-1, 9)
        near = flat[k] * (1 - f[:, 1]) + flat[k + 1] * f[:, 1]
        far = flat[k + width] * (1 - f[:, 1]) + flat[k + width + 1] * f[:, 1]
        return near * (1 - f[:, 0]) + far * f[:, 0], inside


def raster(colours: np.ndarray, known: np.ndarray, origin: np.ndarray, cell: float) -> Raster:
    """Return the raster of colours (H, W, 3) uint8 RGB, (H, W) bool known."""
    values, levels = contrast(colours, known, cell), []
    for blur in BLURS:
        blurred = cv2.GaussianBlur(values, (0, 0), blur)
        x, y = (cv2.Sobel(blurred, cv2.CV_32F, dx, dy, scale=1 / (8 * cell)) for dx, dy in ((0, 1), (1, 0)))
        levels.append(np.concatenate([blurred, *_across_lines(x, y, _AROUND * blur)], 2))
    return Raster(tuple(levels), known, origin, cell)


def _across_lines(x: np.ndarray, y: np.ndarray, around: float) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes (H, W, 3) along both axes without those along lines (the normal flow, Horn & Schunck 1981).

    A line of even brightness is seen fainter the farther off it is, since a pixel covers more of the ground there. That
    slope goes with the car, and would tell that it stands still. What a line shows is its motion to the side; corners,
    where the structure tensor has two large eigenvalues, show both.
    """
    height, width = x.shape[:2]
    # In half size: what is around a cell has nothing finer.
    products = np.dstack([np.square(x).sum(2), (x * y).sum(2), np.square(y).sum(2)])
    products = cv2.resize(products, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA)
    xx, xy, yy = np.moveaxis(cv2.GaussianBlur(products, (0, 0), around / 2), 2, 0)
    mean, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy) + 1e-9
    weak = np.maximum(mean - half, 0)
    kept = weak / (weak + _LINE * (mean + half))
    # The projection onto the first eigenvector, and of the rest what is kept.
    lost = (1 - kept) / (2 * half)
    parts = np.dstack([1 - lost * half + lost * (xx - yy) / 2, lost * xy, 1 - lost * half - lost * (xx - yy) / 2])
    parts = cv2.resize(parts, (width, height))[..., None]
    return parts[:, :, 0] * x + parts[:, :, 1] * y, parts[:, :, 1] * x + parts[:, :, 2] * y
