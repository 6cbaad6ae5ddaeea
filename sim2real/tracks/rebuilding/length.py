"""Scale of odometry's length: keyframes some way apart tell it better than neighbouring frames do.

What goes with the camera (the blocks of a compressed image, a dirty lens) pulls a registration towards standing still
by a length that does not grow with the way between two frames, and odometry's prior of the motion takes a share of
each step. A nod of the camera is told apart from a motion only by how it grows with the distance, and takes a share,
too. Here are neither prior nor nod: cars nod to both sides, and the median over many pairs does not.
"""

from collections.abc import Mapping

import numpy as np

from sim2real.progress import Progress, silent
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.tracks.poses import relative
from sim2real.tracks.rebuilding.odometry import CLEAR, Drive
from sim2real.tracks.rebuilding.parallel import in_parallel
from sim2real.tracks.rebuilding.registration import Views, register

_NEAREST, _FARTHEST = 0.3, 0.45  # m between two keyframes: farther apart both see less of the same ground sharply
_AHEAD = 20  # keyframes: they are close where a car turns
_TURN = 0.6  # rad between them, at most
_STARTS = (0.97, 1.03)  # times odometry's motion: less than a quarter of a dash apart
_SAME = 0.01  # share of the motion, within which both must lead to the same
_NO_NOD = 1e-4  # rad
_PAIRS, _FEWEST = 500, 60  # pairs of a recording that are registered, and that must agree
_RESAMPLES = 400


def certain(scale: Estimate) -> float:
    """Return a scale if its interval excludes 1, and 1 otherwise: doubtful ones tear maps of tight corners."""
    known = scale.low is not None and scale.high is not None and (scale.low > 1 or scale.high < 1)
    return scale.value if known else 1.0


def length_scale(drives: Mapping[int, Drive], views: Views, progress: Progress = silent) -> Estimate:
    """Return the factor of odometry's lengths, the median of what pairs of keyframes show; 1 if few show any.

    The interval is by bootstrap over drives.
    """
    pairs = {k: _pairs(drive) for k, drive in drives.items()}
    every = max(-(-sum(map(len, pairs.values())) // _PAIRS), 1)
    order = [k for k in pairs if len(pairs[k])]

    def ratios(k: int) -> np.ndarray:
        found = [_ratio(drives[k], first, last, views) for first, last in pairs[k][k % every :: every]]
        return np.array([each for each in found if each is not None])

    found = [each for each in in_parallel(ratios, order, progress) if len(each)]
    if sum(map(len, found)) < _FEWEST or len(found) < 2:
        return Estimate(1.0, None, None)
    ratio = np.concatenate(found)
    bootstrap, sizes = Bootstrap(len(found), _RESAMPLES), [len(each) for each in found]
    value = float(np.median(ratio))
    drawn = np.array([np.median(np.repeat(ratio, np.repeat(each, sizes))) for each in bootstrap.weights])
    low, high = bootstrap.interval(value, drawn) or (None, None)
    return Estimate(value, low, high)


def _pairs(drive: Drive) -> np.ndarray:
    """Return (n, 2) keyframes, each with the first one far enough ahead, between which no registration failed."""
    path, found = drive.path, []
    for first in range(len(path) - 1):
        onward = relative(path[first], path[first + 1 : first + 1 + _AHEAD])
        far = np.flatnonzero(np.hypot(onward[:, 0], onward[:, 1]) > _NEAREST)
        if len(far):
            last = first + 1 + int(far[0])
            way = onward[: far[0] + 1]
            near = np.hypot(*way[-1, :2]) < _FARTHEST and np.abs(way[:, 2]).max() < _TURN
            if near and not drive.vague[first:last].any():
                found.append((first, last))
    return np.array(found, int).reshape(-1, 2)


def _ratio(drive: Drive, first: int, last: int, views: Views) -> float | None:
    """Return how much longer the way between two keyframes is than odometry says; None if they do not tell."""
    motion = relative(drive.path[first], drive.path[last])
    target, long = views.raster(drive.images[first]), []
    for start in _STARTS:
        found = register(drive.templates[last], target, motion * (start, start, 1.0), nod=_NO_NOD)
        if found.correlation < CLEAR:
            return None
        long.append(np.hypot(*found.pose[:2]) / np.hypot(*motion[:2]))
    return float(np.mean(long)) if abs(long[0] - long[1]) < _SAME else None
