"""Photometric agreement of two frames of a flat ground, patch by patch, each with its own gain and offset.

Direct bundle adjustment (Irani & Anandan 1999; Engel et al. 2018) with the lighting of every patch eliminated (Lucas &
Kanade 1981; Baker et al. 2003, part 3): a vignette stays with the camera while the ground moves.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sim2real.tracks.photometric.warping import Grid, matched

POINTS = 1000  # patches of a pair with the strongest edges
ROBUST = 2.0  # times the median difference: from where on a patch counts less (Cauchy)
_WINDOW = 3.0  # px, standard deviation of a patch
_STRIDE = 2  # px between patches' middles
_NOISE = 0.05  # grey levels: difference of frames without noise
_FLAT = 1e-3  # information on gain and offset where there is nothing to tell them


@dataclass(frozen=True)
class Patches:
    """What P patches of a pair say about how the first frame has to move to agree with the second.

    Attributes:
        points: (P,) flat indices of their middles.
        hessian: (P, 2, 2) information on the shift, in the unit of the pair's median difference, per px².
        gradient: (P, 2) slope of the disagreement by the shift.
        weight: (P,) less where frames do not agree.
    """

    points: np.ndarray
    hessian: np.ndarray
    gradient: np.ndarray
    weight: np.ndarray

    @property
    def pixels(self) -> float:
        """Return the root mean square [px] by which the frames still seem shifted, along their edges' normals."""
        away = np.linalg.solve(self.hessian + 1e-9 * np.eye(2), self.gradient[..., None])[..., 0]
        moved = (self.weight * (self.gradient * away).sum(-1)).sum()
        return float(np.sqrt(2 * moved / max((self.weight * np.trace(self.hessian, axis1=1, axis2=2)).sum(), 1e-12)))


def grey(image: np.ndarray) -> np.ndarray:
    """Return (h, w) float32 brightness of (h, w, 3) uint8 RGB; colours of compressed frames are coarse."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def compared(grid: Grid, first: np.ndarray, second: np.ndarray, motion: np.ndarray, blur: float) -> Patches:
    """Return the patches of two frames (h, w) of `grey`; motion (7,) see `warping.MOTION`; blur [px]."""
    a, b, known = matched(grid, first, second, motion)
    a, b = (cv2.GaussianBlur(each, (0, 0), blur) for each in (a, b))
    known = cv2.erode(known, np.ones((3, 3)))
    mean, difference = 0.5 * (a + b), a - b
    slopes = [cv2.Sobel(mean, cv2.CV_32F, dx, dy, scale=1 / 8) for dx, dy in ((1, 0), (0, 1))]
    sums = _sums([*slopes, mean, np.ones_like(mean), difference], known, max(_WINDOW, 1.5 * blur))
    points = np.flatnonzero(_strided(known))
    within = sums.reshape(-1, 5, 5)[points]
    # Gain and offset at their best for any shift.
    lighting = within[:, 2:4, 2:4] + _FLAT * np.eye(2)
    mixed = np.linalg.solve(lighting, within[:, 2:4][:, :, [0, 1, 4]])
    rest = within[:, [0, 1, 4]][:, :, [0, 1, 4]] - within[:, [0, 1, 4]][:, :, 2:4] @ mixed
    strength = rest[:, 0, 0] + rest[:, 1, 1]
    kept = np.sort(np.argpartition(strength, -POINTS)[-POINTS:]) if len(points) > POINTS else np.arange(len(points))
    rest = rest[kept]
    square = np.maximum(rest[:, 2, 2], 0)
    median = float(np.median(square)) if len(kept) else 0.0
    unit = max(median, _NOISE**2)
    weight = 1 / (1 + square / (ROBUST**2 * unit))
    return Patches(points[kept], rest[:, :2, :2] / unit, rest[:, :2, 2] / unit, weight)


def _strided(known: np.ndarray) -> np.ndarray:
    """Return (h, w) bool, the middles of patches."""
    here = np.zeros(known.shape, bool)
    here[::_STRIDE, ::_STRIDE] = known[::_STRIDE, ::_STRIDE] > 0.5
    return here


def _sums(images: list[np.ndarray], known: np.ndarray, window: float) -> np.ndarray:
    """Return (h, w, n, n) mean products of n images (h, w) over patches."""
    n = len(images)
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    products = np.dstack([*(images[i] * images[j] * known for i, j in pairs), known])
    blurred = np.dstack(
        [cv2.GaussianBlur(products[..., k : k + 4], (0, 0), window) for k in range(0, products.shape[-1], 4)]
    )
    blurred = blurred[..., :-1] / np.maximum(blurred[..., -1:], 1e-3)
    sums = np.empty((*known.shape, n, n))
    for k, (i, j) in enumerate(pairs):
        sums[..., i, j] = sums[..., j, i] = blurred[..., k]
    return sums
