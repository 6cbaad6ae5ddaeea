"""Joint fit of a camera and the motions of many pairs of frames: Gauss-Newton with the motions eliminated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.calibration.optics import Optics
from sim2real.calibration.photometric import Grid, Pair, chosen, flow, lab, warped
from sim2real.progress import Progress, part_of, silent
from sim2real.tracks.rebuilding.parallel import in_parallel

BLURS = (4.0, 2.0, 1.2)  # px, from coarse to fine
STEPS = 12  # at most per blur
ROBUST = 2.0  # times the median difference: from where on a pixel counts less (Cauchy)
PRIOR = np.array([0.3, 15.0, 15.0, 0.2, 0.2, 0.2, 0.1])  # standard deviations about the start, in units of PARAMETERS
ALIKE = 30.0  # pixels that share one error: blur and texture
TRUST = np.diag(ALIKE / ROBUST**2 / PRIOR**2)  # information of the prior, next to that of pixels
_LEAST = 0.05  # of CIELAB: scale of frames without noise
_SETTLED = np.array([1e-4, 0.01, 0.01, 1e-4, 1e-4, 1e-4, 1e-4])
_STILL = 1e-4  # m or rad
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
    free: np.ndarray


Images = tuple[np.ndarray, np.ndarray]
"""Both frames of a pair, see `lab`."""


def normal(images: Images, points: np.ndarray, grid: Grid, motion: np.ndarray, blur: float, scale: float) -> Normal:
    """Return the normal equations of a pair at its points (P,); `scale` is that of its differences."""
    seen = warped(grid, *images, motion, blur)
    difference = seen.difference.reshape(-1, 3)[points]
    square = np.square(difference).sum(1)
    known = seen.known.ravel()[points]
    good = known > 0.5
    weight = np.where(good, 1 / (1 + square / scale**2), 0)
    slopes = seen.slopes.reshape(-1, 3, 2)[points]
    jacobian = np.nan_to_num(slopes @ flow(grid, points, motion)).reshape(-1, 10) / scale
    weighted = jacobian * np.repeat(weight, 3)[:, None]
    # A point that is no longer seen costs what it does where frames disagree: leaving is no way out.
    cost = np.where(good, 0.5 * np.log1p(square / scale**2), 1.0).sum()
    median = float(np.sqrt(np.median(square))) if len(square) else np.nan
    return Normal(weighted.T @ jacobian, weighted.T @ difference.ravel() / scale, float(cost), len(points), median)


def eliminated(each: Normal) -> tuple[np.ndarray, np.ndarray]:
    """Return information (7, 7) and gradient (7,) by the camera alone, with the motion at its best for any camera."""
    mixed = each.hessian[:7, 7:] @ np.linalg.inv(each.hessian[7:, 7:] + 1e-6 * np.eye(3))
    return each.hessian[:7, :7] - mixed @ each.hessian[7:, :7], each.gradient[:7] - mixed @ each.gradient[7:]


@dataclass(frozen=True)
class Level:
    """Pairs at one blur.

    Attributes:
        images: of each.
        points: (P,) of each, the pixels of the second frame that are compared.
        blur: [px]
    """

    images: Sequence[Images]
    points: Sequence[np.ndarray]
    blur: float

    @classmethod
    def of(cls, images: Sequence[Images], grid: Grid, motions: np.ndarray, blur: float) -> "Level":
        """Return it with the points that a camera and motions (n, 3) see in both frames."""
        points = in_parallel(lambda k: chosen(warped(grid, *images[k], motions[k], blur)), range(len(images)))
        return cls(images, points, blur)

    def normals(self, grid: Grid, motions: np.ndarray, scale: np.ndarray) -> list[Normal]:
        """Return the normal equations of all pairs, each at its scale (n,)."""
        return in_parallel(
            lambda k: normal(self.images[k], self.points[k], grid, motions[k], self.blur, float(scale[k])),
            range(len(self.images)),
        )


@dataclass(frozen=True)
class State:
    """A camera and motions on the way to the solution."""

    grid: Grid
    motions: np.ndarray
    normals: list[Normal]

    @property
    def cost(self) -> float:
        """Return the robust cost of all pairs."""
        return sum(each.cost for each in self.normals)


def fit(
    pairs: Sequence[Pair],
    start: Optics,
    free: np.ndarray,
    motions: np.ndarray | None = None,
    blurs: Sequence[float] = BLURS,
    begin: Optics | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit the free parameters (7,) bool of a camera, and every pair's motion.

    Args:
        start: the camera that the weak prior is about.
        motions: (n, 3) to begin with; None: the pairs'.
        blurs: px, from coarse to fine.
        begin: the camera to begin with; None: the start.
    """
    optics, at = begin or start, np.array([pair.motion for pair in pairs]) if motions is None else motions
    images = [(lab(pair.first), lab(pair.second)) for pair in pairs]
    state = State(Grid.of(optics, free), at, [])
    for k, blur in enumerate(blurs):
        level = Level.of(images, state.grid, state.motions, blur)
        rough = level.normals(Grid.of(state.grid.optics, np.zeros(7, bool)), state.motions, np.ones(len(pairs)))
        # Frames that were blurred by a turn say less: each pair has its own scale.
        scale = ROBUST * np.maximum([each.median for each in rough], _LEAST)
        state = _solved(level, state, scale, start.values(), part_of(progress, k, len(blurs)))
    parts = [eliminated(each) for each in state.normals]
    information, pull = (np.array([part[k] for part in parts]) for k in (0, 1))
    return Fit(state.grid.optics, state.motions, information, pull, free)


def _solved(level: Level, state: State, scale: np.ndarray, origin: np.ndarray, progress: Progress) -> State:
    """Return the camera and motions that agree best at one blur (Levenberg & Marquardt)."""
    free, damping = state.grid.free, 1e-3
    state = replace(state, normals=level.normals(state.grid, state.motions, scale))
    for count in range(STEPS):
        step, shifts = _step(state.normals, state.grid.optics.values() - origin, free, damping)
        grid, motions = Grid.of(state.grid.optics.moved(step), free), state.motions + shifts
        tried = State(grid, motions, level.normals(grid, motions, scale))
        better = tried.cost < state.cost
        state, damping = (tried, max(damping / 5, 1e-5)) if better else (state, 10 * damping)
        progress(count + 1, STEPS)
        if ((np.abs(step) < _SETTLED).all() and np.abs(shifts).max() < _STILL) or damping > 10:
            break
    progress(STEPS, STEPS)
    return state


def _step(
    normals: Sequence[Normal], away: np.ndarray, free: np.ndarray, damping: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the change of the camera (7,) and of the motions (n, 3)."""
    parts = [eliminated(each) for each in normals]
    information = sum(part[0] for part in parts) + TRUST
    pull = sum(part[1] for part in parts) + TRUST @ away
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
