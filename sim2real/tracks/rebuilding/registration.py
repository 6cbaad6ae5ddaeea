"""Registration of a view of the ground to another one, or to a map (Lucas & Kanade 1981, by Gauss-Newton)."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from sim2real.tracks.ground import LEVEL, GroundView, contrast
from sim2real.tracks.poses import applied

BLURS = (3.0, 1.0)  # cells
POINTS = 1500  # cells with the strongest edges
_ANYWHERE = (10.0, 10.0, 10.0)
STEPS = 12
TILT = (0.015, 0.02)  # rad, standard deviations: cars nod on every fold of a mat, and lean in turns
NOD = (0.015, 0.001)  # without leaning, which in tight corners makes wrong matches look right
ALIKE = 20.0  # neighbouring cells that tell the same
HUBER = 1.5  # times the median residual, from where on a cell's counts linearly
_LEAST = 0.25  # share of a template's cells that must be seen
_SHARPER = 2  # power of the sharpness that weights a cell: a far pixel covers many, which say the same and move with it
_LINE = 0.3  # share of the stronger slopes, below which others are a line's own fading
_AROUND = 2.0  # blurs around a cell, within which a line is told from a corner
_STILL = 2e-4  # m or rad


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


@dataclass(frozen=True)
class Registration:
    """The pose of a view's car in a raster's frame.

    Attributes:
        pose: (3,) raster_from_car.
        correlation: of the contrast of both, where both are known; 0 if they hardly overlap.
        tilt: (2,) rad, by how much the camera looked farther down, and was rolled clockwise, than its mount does.
    """

    pose: np.ndarray
    correlation: float
    tilt: np.ndarray = field(default_factory=lambda: LEVEL)


@dataclass(frozen=True)
class Template:
    """What is registered of a view: per blur, the cells with the strongest edges.

    Attributes:
        cells: per blur (P, 2) m in the car's frame.
        tilting: per blur (P, 2, 2) m per rad, by which these seem to move if the camera tilts.
        values: per blur (P, 9) float16, values and slopes; as many are kept.
        weights: per blur (P,) float32, what a cell counts.
    """

    cells: list[np.ndarray]
    tilting: list[np.ndarray]
    values: list[np.ndarray]
    weights: list[np.ndarray]


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


class Views:
    """Rasters and templates of the frames of one camera."""

    def __init__(self, view: GroundView) -> None:
        self.view = view
        margin = 2 * round(2 * BLURS[0]) + 1  # the blur would mix in what is not seen
        around = np.pad(view.seen.astype(np.uint8), margin)  # beyond the grid nothing is seen, either
        inner = cv2.erode(around, np.ones((margin, margin), np.uint8))[margin:-margin, margin:-margin]
        self.weight = np.where((inner > 0) & (view.sharpness > 0.15), view.sharpness**_SHARPER, 0)

    def raster(self, image: np.ndarray) -> Raster:
        """Return the raster, in the car's frame, of a raw frame (h, w, 3) uint8 RGB."""
        view = self.view
        return raster(view.colours(image), view.seen, view.ground[0, 0], view.cell)

    def template(self, seen: Raster) -> Template:
        """Return the cells of a frame's raster that are registered: those with the strongest edges."""
        result = Template([], [], [], [])
        for level in seen.levels:
            strength = (self.weight * np.square(level[..., 3:]).sum(2)).ravel()
            chosen = np.sort(np.argpartition(strength, -POINTS)[-POINTS:])
            cells = self.view.ground.reshape(-1, 2)[chosen]
            result.cells.append(cells.astype(np.float32))
            result.tilting.append(self.view.mount.tilting(cells).astype(np.float32))
            result.values.append(level.reshape(-1, 9)[chosen].astype(np.float16))
            result.weights.append(self.weight.ravel()[chosen].astype(np.float32))
        return result


def register(
    template: Template,
    target: Raster,
    guess: np.ndarray,
    first: int = 0,
    trusted: tuple[float, ...] = _ANYWHERE,
    tilts: tuple[float, float] = NOD,
) -> Registration:
    """Return the pose of a template's car in a raster's frame.

    Args:
        guess: (3,) raster_from_car.
        first: level to begin with; 0: the most blurred.
        trusted: (3,) m, m and rad, standard deviations of the guess: where the ground says nothing it holds.
        tilts: rad, standard deviations of nod and lean: NOD, or TILT where the pose is nearly known.
    """
    pose, tilt, correlation = np.array(guess, float), LEVEL, 0.0
    sigma = np.array([*trusted, *tilts])
    for level in range(first, len(BLURS)):
        cells, tilting, values = (
            template.cells[level],
            template.tilting[level],
            template.values[level].astype(np.float32),
        )
        weights, seen, own = template.weights[level], values, values
        for _ in range(STEPS):
            at = applied(pose, cells + tilting @ tilt)
            sampled, inside = target.sample(level, at)
            if inside.mean() < _LEAST:
                return Registration(pose, 0.0)
            seen, own = sampled[inside], values[inside]
            away = np.concatenate([pose - guess, tilt])
            arm = at[inside] - pose[:2]
            step = _step(seen, own, weights[inside], arm, tilting[inside], pose[2], away / sigma, sigma)
            pose += step[:3]
            tilt = tilt + step[3:]
            if np.abs(step).max() < _STILL:
                break
        a, b = seen[:, :3].ravel(), own[:, :3].ravel()
        correlation = float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-9))
    return Registration(pose, correlation, tilt)


def _step(
    seen: np.ndarray,
    own: np.ndarray,
    weights: np.ndarray,
    arm: np.ndarray,
    tilting: np.ndarray,
    yaw: float,
    away: np.ndarray,
    sigma: np.ndarray,
) -> np.ndarray:
    """Return the change (5,) of pose and tilt that makes a template's values (P, 9) more like those seen (P, 9).

    Efficient second-order minimization (Malis 2004): slopes are the mean of both, in the raster's frame.

    Args:
        weights: (P,) of the cells.
        arm: (P, 2) m from the car to the cells, in the raster's frame.
        tilting: (P, 2, 2) m per rad, by which the cells move if the camera tilts, in the car's frame.
        away: (5,) standard deviations of pose and tilt from what is expected.
        sigma: (5,) m, m and rad, these.
    """
    residual = seen[:, :3] - own[:, :3]
    c, s = np.cos(yaw), np.sin(yaw)
    x = 0.5 * (seen[:, 3:6] + c * own[:, 3:6] - s * own[:, 6:])
    y = 0.5 * (seen[:, 6:] + s * own[:, 3:6] + c * own[:, 6:])
    along, left = c * x + s * y, c * y - s * x  # slopes in the car's frame
    tilted = [along * tilting[:, :1, k] + left * tilting[:, 1:, k] for k in range(2)]
    jacobian = np.stack([x, y, y * arm[:, :1] - x * arm[:, 1:], *tilted], -1).reshape(-1, 5)
    norm = np.sqrt(np.square(residual).sum(1))
    scale = HUBER * np.median(norm) + 1e-6
    weight = np.repeat(weights * np.minimum(1.0, scale / np.maximum(norm, 1e-6)), 3)
    trust = ALIKE * scale**2
    hessian = jacobian.T @ (jacobian * weight[:, None]) + np.diag(trust / sigma**2 + 1e-3)
    gradient = jacobian.T @ (weight * residual.ravel()) + trust * away / sigma
    return np.clip(-np.linalg.solve(hessian, gradient), -0.05, 0.05)
