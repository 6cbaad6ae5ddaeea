"""Joint fit of a camera and the motions of many pairs of frames: Gauss-Newton with the motions eliminated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.progress import Progress, part_of, silent
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.photometric.optics import Optics
from sim2real.tracks.photometric.patches import compared, grey
from sim2real.tracks.photometric.warping import MOTION, Grid, Pair, flow

COARSE, FINE = (4.0, 2.0), (2.0, 0.5)  # px of blur, far from and near to the solution
STEPS, FEW_STEPS = 12, 5  # at most per blur; where only motions are fitted
PRIOR = np.array([0.3, 15.0, 15.0, 0.2, 0.2, 0.2, 0.1])  # standard deviations about the start, in units of PARAMETERS
ALIKE = 8.0  # patches that share one error: they overlap
TRUST = np.diag(ALIKE / PRIOR**2)  # information of the prior, next to that of patches
NOD, LEAN = 0.015, 0.02  # rad, standard deviations: cars nod on every fold of a mat, and lean in turns
STEADY = ALIKE / np.array([np.inf, np.inf, np.inf, NOD, NOD, LEAN, LEAN]) ** 2  # information of these on MOTION
TURNED = 0.01  # rad, standard deviation of what laps tell of a pair's turn
_SETTLED = np.array([1e-4, 0.01, 0.01, 1e-4, 1e-4, 1e-4, 1e-4])
_RIDGE = 1e-6 * np.eye(len(MOTION))
_FARTHEST = np.array([0.05, 3.0, 3.0, 0.05, 0.05, 0.03, 0.03])  # of one step
_STILL = 1e-4  # m or rad, on average
_SHIFT = 0.05  # m or rad, of a motion in one step
NONE = np.zeros(7, bool)


@dataclass(frozen=True)
class Normal:
    """Normal equations of one pair: hessian (14, 14) and gradient (14,) of camera and motion."""

    hessian: np.ndarray
    gradient: np.ndarray


@dataclass(frozen=True)
class Fit:
    """A fitted camera.

    Attributes:
        optics: the camera.
        motions: (n, 7) of the pairs, see MOTION.
        information: (n, 7, 7) what each pair says about the camera, its motion unknown.
        pull: (n, 7) gradient of each pair's disagreement by the camera.
        free: (7,) bool, which parameters were fitted.
    """

    optics: Optics
    motions: np.ndarray
    information: np.ndarray
    pull: np.ndarray
    free: np.ndarray


def normal(
    first: np.ndarray, second: np.ndarray, grid: Grid, motion: np.ndarray, blur: float, turned: float | None = None
) -> Normal:
    """Return the normal equations of two frames (h, w) of `grey`; `turned` as in `Pair`."""
    patches = compared(grid, first, second, motion, blur)
    jacobian = np.nan_to_num(flow(grid, patches.points, motion))
    weighted = patches.weight[:, None, None] * np.swapaxes(jacobian, 1, 2)
    hessian = (weighted @ patches.hessian @ jacobian).sum(0) + np.diag(np.concatenate([np.zeros(7), STEADY]))
    gradient = (weighted @ patches.gradient[..., None]).sum(0)[:, 0]
    gradient[7:] += STEADY * motion
    if turned is not None:
        hessian[9, 9] += ALIKE / TURNED**2
        gradient[9] += ALIKE / TURNED**2 * (motion[2] - turned)
    return Normal(hessian, gradient)


def eliminated(each: Normal) -> tuple[np.ndarray, np.ndarray]:
    """Return information (7, 7) and gradient (7,) by the camera alone, with the motion at its best for any camera."""
    mixed = each.hessian[:7, 7:] @ np.linalg.inv(each.hessian[7:, 7:] + _RIDGE)
    return each.hessian[:7, :7] - mixed @ each.hessian[7:, :7], each.gradient[:7] - mixed @ each.gradient[7:]


def begun(pairs: Sequence[Pair]) -> np.ndarray:
    """Return (n, 7) MOTION of pairs as they were found: without tilts."""
    return np.array([(*pair.motion, 0.0, 0.0, 0.0, 0.0) for pair in pairs])


def fit(
    pairs: Sequence[Pair],
    start: Optics,
    free: np.ndarray,
    motions: np.ndarray | None = None,
    blurs: Sequence[float] = FINE,
    begin: Optics | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit the free parameters (7,) bool of a camera, and every pair's motion.

    Args:
        start: the camera that the weak prior is about.
        motions: (n, 7) to begin with; None: the pairs', without tilts.
        blurs: px, from coarse to fine.
        begin: the camera to begin with; None: the start.
    """
    optics, moved = begin or start, begun(pairs) if motions is None else motions
    images = [(grey(pair.first), grey(pair.second)) for pair in pairs]

    def normals(blur: float) -> list[Normal]:
        grid = Grid.of(optics, free)
        return in_parallel(lambda k: normal(*images[k], grid, moved[k], blur, pairs[k].turned), range(len(images)))

    most = STEPS if free.any() else FEW_STEPS
    for k, blur in enumerate(blurs):
        report = part_of(progress, k, len(blurs))
        for count in range(most):
            step, shifts = _step(normals(blur), optics.values() - start.values(), free)
            optics, moved = optics.moved(step), moved + shifts
            report(count + 1, most)
            if (np.abs(step) < _SETTLED).all() and np.abs(shifts).mean() < _STILL:
                break
        report(most, most)
    parts = [eliminated(each) for each in normals(blurs[-1])]
    information, pull = (np.array([part[k] for part in parts]) for k in (0, 1))
    return Fit(optics, moved, information, pull, free)


def _step(normals: Sequence[Normal], away: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the change of the camera (7,) and of the motions (n, 7)."""
    parts = [eliminated(each) for each in normals]
    information = sum((part[0] for part in parts), TRUST)
    pull = sum((part[1] for part in parts), TRUST @ away)
    f = np.flatnonzero(free)
    step = np.zeros(7)
    step[f] = -np.linalg.solve(information[np.ix_(f, f)], pull[f])
    step *= min(1.0, float((_FARTHEST / np.maximum(np.abs(step), 1e-12)).min()))
    shifts = [
        -np.linalg.solve(each.hessian[7:, 7:] + _RIDGE, each.gradient[7:] + each.hessian[7:, :7] @ step)
        for each in normals
    ]
    return step, np.clip(shifts, -_SHIFT, _SHIFT)


def shifts(pairs: Sequence[Pair], optics: Optics, motions: np.ndarray) -> np.ndarray:
    """Return (n,) px by which n pairs still seem shifted with a camera and motions (n, 7), at the finest blur."""
    grid = Grid.of(optics, NONE)

    def left(k: int) -> float:
        return compared(grid, grey(pairs[k].first), grey(pairs[k].second), motions[k], FINE[-1]).pixels

    return np.array(in_parallel(left, range(len(pairs))))
