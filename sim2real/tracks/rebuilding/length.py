"""Scale of odometry's length: keyframes some way apart tell it better than neighbouring frames do.

Seen from above, a far line is blurred to one side, so that registration of such views falls short, the more the farther
and the softer frames are; what goes with the camera (the blocks of a compressed image, a dirty lens) pulls towards
standing still, too. Here frames are compared in their own pixels and equally sharp, as a camera's calibration does.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sim2real.progress import Progress, part_of, silent
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.tracks.ground import Mount
from sim2real.tracks.photometric.fit import NONE, fit, shifts
from sim2real.tracks.photometric.optics import Optics
from sim2real.tracks.photometric.softness import softness
from sim2real.tracks.photometric.warping import Pair
from sim2real.tracks.poses import relative
from sim2real.tracks.rebuilding.drive import Drive

_NEAREST, _FARTHEST = 0.25, 0.45  # m between two keyframes: farther apart both see less of the same ground sharply
_AHEAD = 20  # keyframes: they are close where a car turns
_TURN = 0.6  # rad between them, at most
_CLEAR = 1.2  # times the median disagreement, up to which a pair counts: others shook, or slipped by a dash
_ODD = 0.15  # share of odometry's length, by which a pair may differ
_PAIRS, _FEWEST = 200, 30  # pairs of a recording that are compared, and that must agree
_FEW = 24  # pairs that tell the frames' blur
_RESAMPLES = 400
MOST = 0.04  # by which odometry errs: the rehearsal car's by 2 %


def certain(scale: Estimate) -> float:
    """Return a scale if its interval excludes 1, and 1 otherwise: doubtful ones tear maps of tight corners.

    One far from 1 is not understood: real tracks say 1.06 with a lens that calibration confirms.
    """
    known = scale.low is not None and scale.high is not None and (scale.low > 1 or scale.high < 1)
    return scale.value if known and abs(scale.value - 1) < MOST else 1.0


def length_scale(drives: Mapping[int, Drive], mount: Mount, progress: Progress = silent) -> Estimate:
    """Return the factor of odometry's lengths, that pairs of keyframes show; 1 if few show any.

    The interval is by bootstrap over drives.
    """
    where = [(k, *pair) for k, drive in drives.items() for pair in _pairs(drive).tolist()]
    where = where[:: max(-(-len(where) // _PAIRS), 1)]
    if len(where) < _FEWEST:
        return Estimate(1.0, None, None)
    pairs = [_pair(drives[k], k, first, last) for k, first, last in where]
    optics = Optics(mount.camera, mount.x, mount.height, mount.pitch, mount.roll)
    optics = replace(optics, soft=softness(pairs[:: max(len(pairs) // _FEW, 1)], optics, part_of(progress, 0, 2)))
    done = fit(pairs, optics, NONE, progress=part_of(progress, 1, 2))
    left = shifts(pairs, optics, done.motions)
    far = [np.hypot(*each[:, :2].T) for each in (done.motions, np.array([pair.motion for pair in pairs]))]
    good = (left <= _CLEAR * np.median(left)) & (np.abs(far[0] / far[1] - 1) < _ODD)
    names, unit = np.unique([pair.unit for pair, kept in zip(pairs, good, strict=True) if kept], return_inverse=True)
    if good.sum() < _FEWEST or len(names) < 2:
        return Estimate(1.0, None, None)
    sums = np.array([np.bincount(unit, each[good]) for each in far])  # a path is as long as its steps are on average
    bootstrap, value = Bootstrap(len(names), _RESAMPLES), float(np.divide(*sums.sum(1)))
    low, high = bootstrap.interval(value, np.divide(*(bootstrap.weights @ sums.T).T)) or (None, None)
    return Estimate(value, low, high)


def _pair(drive: Drive, k: int, first: int, last: int) -> Pair:
    motion = relative(drive.path[first], drive.path[last])
    return Pair(drive.images[first], drive.images[last], motion, k, (k, int(drive.rows[first]), int(drive.rows[last])))


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
