"""Joint fit of a camera and the motions of many pairs of frames: Gauss-Newton with the motions eliminated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.calibration.optics import Optics
from sim2real.calibration.photometric import Grid, Pair, chosen, flow, lab, warped
from sim2real.progress import Progress, silent
from sim2real.tracks.parallel import in_parallel

BLURS = (4.0, 2.0, 1.2)  # px, from coarse to fine
STEPS = 12  # at most per blur
ROBUST = 2.0  # times the median difference: from where on a pixel counts less (Cauchy)
PRIOR = np.array([0.3, 15.0, 15.0, 0.2, 0.2, 0.2, 0.1])  # standard deviations about the start, in units of PARAMETERS
ALIKE = 30.0  # pixels that share one error: blur and texture
_SETTLED = np.array([1e-4, 0.01, 0.01, 1e-4, 1e-4, 1e-4, 1e-4])
_FARTHEST = np.array([0.05, 3.0, 3.0, 0.05, 0.05, 0.03, 0.03])  # of one step


@dataclass(frozen=True)
class Normal:
    """Normal equations of one pair: hessian (10, 10) and gradient (10,) of camera and motion, at a robust cost."""

    hessian: np.ndarray
    gradient: np.ndarray
    cost: float
    count: int
    median: float


@dataclass(frozen=True)
class Fit:
    """A fitted camera.

    Attributes:
        optics: the camera.
        motions: (n, 3) of the pairs.
        information: (n, 7, 7) what each pair says about the camera, its motion unknown.
        pull: (n, 7) gradient of each pair's cost by the camera.
        free: (7,) bool, which parameters were fitted.
    """

    optics: Optics
    motions: np.ndarray
    information: np.ndarray
    pull: np.ndarray
    cost: float
    scale: float
    free: np.ndarray


def normal(pair: Pair, points: np.ndarray, grid: Grid, motion: np.ndarray, blur: float, scale: float) -> Normal:
    """Return the normal equations of a pair at its points (P,)."""
    seen = warped(grid, lab(pair.first), lab(pair.second), motion, blur)
    difference = seen.difference.reshape(-1, 3)[points]
    square = np.square(difference).sum(1)
    known = seen.known.ravel()[points]
    good = known > 0.5
    weight = np.where(good, 1 / (1 + square / scale**2), 0)
    slopes = seen.slopes.reshape(-1, 3, 2)[points]
    jacobian = np.nan_to_num(slopes @ flow(grid, points, motion)).reshape(-1, 10)
    weighted = jacobian * np.repeat(weight, 3)[:, None]
    # A point that is no longer seen costs what it does where frames disagree: leaving is no way out.
    cost = np.where(good, 0.5 * scale**2 * np.log1p(square / scale**2), scale**2).sum()
    median = float(np.sqrt(np.median(square))) if len(square) else np.nan
    return Normal(weighted.T @ jacobian, weighted.T @ difference.ravel(), float(cost), len(points), median)


def eliminated(each: Normal) -> tuple[np.ndarray, np.ndarray]:
    """Return information (7, 7) and gradient (7,) by the camera alone, with the motion at its best for any camera."""
    mixed = each.hessian[:7, 7:] @ np.linalg.inv(each.hessian[7:, 7:] + 1e-6 * np.eye(3))
    return each.hessian[:7, :7] - mixed @ each.hessian[7:, :7], each.gradient[:7] - mixed @ each.gradient[7:]


def fit(
    pairs: Sequence[Pair],
    start: Optics,
    free: np.ndarray,
    motions: np.ndarray | None = None,
    blurs: Sequence[float] = BLURS,
    progress: Progress = silent,
    verbose: bool = False,
) -> Fit:
    """Fit the free parameters (7,) bool of a camera, and every pair's motion.

    Args:
        motions: (n, 3) to start from; None: the pairs'.
    """
    optics, origin = start, start.values()
    at = np.array([pair.motion for pair in pairs]) if motions is None else motions
    for level, blur in enumerate(blurs):
        grid = Grid.of(optics, free)

        def points_of(k: int) -> np.ndarray:
            return chosen(warped(grid, lab(pairs[k].first), lab(pairs[k].second), at[k], blur))

        points = in_parallel(points_of, range(len(pairs)))

        def normals_at(grid: Grid, motions: np.ndarray, scale: float) -> list[Normal]:
            return in_parallel(
                lambda k: normal(pairs[k], points[k], grid, motions[k], blur, scale), range(len(pairs))
            )

        scale = ROBUST * float(np.median([n.median for n in normals_at(grid, at, 1.0)]))
        damping, normals = 1e-3, normals_at(grid, at, scale)
        for count in range(STEPS):
            step, shifts = _step(normals, optics.values() - origin, free, damping, scale)
            moved = at + shifts
            tried = Grid.of(optics.moved(step), free)
            after = normals_at(tried, moved, scale)
            better = _cost(after) < _cost(normals)
            if verbose:
                print(level, count, f"{_cost(normals):.1f} -> {_cost(after):.1f} damping {damping:.0e}", tried.optics.values().round(4), scale)
            if better:
                optics, at, grid, normals, damping = tried.optics, moved, tried, after, max(damping / 5, 1e-5)
            else:
                damping *= 10
            if (np.abs(step) < _SETTLED).all() or damping > 10:
                break
            progress(level * STEPS + count + 1, len(blurs) * STEPS)
    parts = [eliminated(each) for each in normals]
    information, pull = (np.array([part[k] for part in parts]) for k in (0, 1))
    return Fit(optics, at, information, pull, _cost(normals) / sum(n.count for n in normals), scale, free)


def _cost(normals: Sequence[Normal]) -> float:
    return sum(each.cost for each in normals)


def _step(
    normals: Sequence[Normal], away: np.ndarray, free: np.ndarray, damping: float, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the change of the camera (7,) and of the motions (n, 3)."""
    parts = [eliminated(each) for each in normals]
    # The prior is as strong as PRIOR says next to pixels with the noise of the differences, ALIKE of them being one.
    trust = np.diag(ALIKE * (scale / ROBUST) ** 2 / PRIOR**2)
    information = sum(part[0] for part in parts) + trust
    pull = sum(part[1] for part in parts) + trust @ away
    f = np.flatnonzero(free)
    inner = information[np.ix_(f, f)]
    step = np.zeros(7)
    step[f] = -np.linalg.solve(inner + damping * np.diag(np.diag(inner)), pull[f])
    step *= min(1.0, float((_FARTHEST / np.maximum(np.abs(step), 1e-12)).min()))
    shifts = [
        -np.linalg.solve(each.hessian[7:, 7:] + 1e-6 * np.eye(3), each.gradient[7:] + each.hessian[7:, :7] @ step)
        for each in normals
    ]
    return step, np.clip(shifts, -0.05, 0.05)
