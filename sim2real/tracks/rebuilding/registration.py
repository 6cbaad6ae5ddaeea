"""Registration of a view of the ground to another one, or to a map (Lucas & Kanade 1981, by Gauss-Newton)."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from sim2real.tracks.ground import LEVEL, GroundView
from sim2real.tracks.poses import applied
from sim2real.tracks.rasters import BLURS, Raster, raster

POINTS = 1500  # cells with the strongest edges
_ANYWHERE = (10.0, 10.0, 10.0)
STEPS = 12
TILT = (0.015, 0.02)  # rad, standard deviations: cars nod on every fold of a mat, and lean in turns
NOD = (0.015, 0.001)  # without leaning, which in tight corners makes wrong matches look right
ALIKE = 20.0  # neighbouring cells that tell the same
HUBER = 1.5  # times the median residual, from where on a cell's counts linearly
_LEAST = 0.25  # share of a template's cells that must be seen
_SHARPER = 2  # power of the sharpness that weights a cell: a far pixel covers many, which say the same and move with it
_STILL = 2e-4  # m or rad


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
