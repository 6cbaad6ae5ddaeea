"""The drive that begins the map: it comes to places again, and its laps are closed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sim2real.progress import Progress, silent
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.poses import compose, relative, wrapped
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.placed import Meeting, Placed
from sim2real.tracks.rebuilding.places import OFFSETS, Places
from sim2real.tracks.rebuilding.pose_graph import BENT
from sim2real.tracks.rebuilding.registration import Views, register

_LATER = 3.0  # m driven, from where on a place may be seen again
_SURE = 0.9  # probability of a place, from where on a keyframe is registered there
_CLEAR = 0.75  # correlation of a registration to another lap or to the map: other light, other blur
_SEEDS = 8  # drives that are tried to begin a map
_BESIDE, _ALIKE = 0.3, 0.4  # m and rad between keyframes that see the same
_MET = 0.15  # m by which these may disagree with their registration
_LAPS = 10  # meetings after a lap, from where on they say how odometry's turns scale
_SCALES = np.arange(0.8, 1.3, 0.01)
_EXPECTED = 0.3  # standard deviation of its logarithm
_TURN, _BENT = 0.2, 1.0  # rad by which odometry misses a whole turn: standard deviation, and at most
_NEIGHBOURS = 16  # keyframes on either side that must agree with a meeting
_FEWEST = 3  # meetings that must agree


def closed_seed(drives: Mapping[int, Drive], views: Views, progress: Progress = silent) -> tuple[Placed, float]:
    """Close the laps of one of the longest drives, that whose laps are seen best.

    Returns:
        The drive on its own map; the scale of odometry's turns by which its laps are whole turns.
    """
    longest = sorted(drives, key=lambda k: -drives[k].travelled[-1])[:_SEEDS]
    met = dict(zip(longest, in_parallel(lambda k: met_again(k, drives[k], views), longest, progress), strict=True))
    scale = turn_scale([(drives[k], each) for k, each in met.items()]) or 1.0
    closed = in_parallel(lambda k: _closed(k, drives[k].turned(scale), met[k], views), longest)
    return max(closed, key=lambda each: each[1])[0], scale  # the longest of equals


def _closed(k: int, drive: Drive, met: list[Meeting], views: Views) -> tuple[Placed, int]:
    """Return a drive with closed laps, and how many more of its keyframes agree with an earlier lap than contradict it.

    On a map that is bent wrongly frames lie where others show something else.
    """
    placed = Placed({k: drive.path}, {k: agreeing(met, drive.path)}).settled({k: drive}, BENT)
    poses, found, tried = placed.poses[k], [], 0
    for i, pose in enumerate(poses):
        between = relative(poses, pose)
        near = (np.hypot(between[:, 0], between[:, 1]) < _BESIDE) & (np.abs(between[:, 2]) < _ALIKE)
        near &= drive.travelled < drive.travelled[i] - _LATER
        if near.any():
            j = int(np.flatnonzero(near)[np.abs(between[near]).sum(1).argmin()])
            seen, tried = register(drive.templates[i], views.raster(drive.images[j]), between[j]), tried + 1
            if seen.correlation > _CLEAR and np.hypot(*(seen.pose - between[j])[:2]) < _MET:
                found.append(Meeting(i, k, j, seen.pose))
    return replace(placed, meetings={k: found}).settled({k: drive}), 2 * len(found) - tried


def met_again(k: int, seed: Drive, views: Views) -> list[Meeting]:
    """Return where a drive comes to a place again, as frames alone show it."""
    path = seed.path
    places = Places(path, seed.views[:, len(OFFSETS) // 2].astype(np.float32))
    likeness, offset = places.likeness(seed.views)
    likeness[np.abs(seed.travelled[:, None] - seed.travelled) < _LATER] = -1
    best, sure = places.found(likeness, relative(path[:-1], path[1:]))
    met = []
    for i in np.flatnonzero(sure > _SURE):
        j = int(best[i])
        target = views.raster(seed.images[j])
        found = register(seed.templates[i], target, np.array(OFFSETS[offset[i, j]]))
        if found.correlation > _CLEAR:
            met.append(Meeting(int(i), k, j, found.pose))
    return met


def turn_scale(laps: Sequence[tuple[Drive, list[Meeting]]]) -> float | None:
    """Return the factor of odometry's turns by which most laps are whole turns; None if there are few.

    A lens that is a little wrong makes all turns seem too small or too large by about the same share. Laps on which
    registration failed tell little.

    Args:
        laps: drives, and where each comes to a place again.
    """
    rows = [(*_turned(drive, m), m.pose[2]) for drive, met in laps for m in met]
    turned, failed, rest = np.array([row for row in rows if abs(row[0]) > np.pi]).reshape(-1, 3).T
    if len(turned) < _LAPS:
        return None
    weight = 1 / (1 + failed) ** 2
    away = wrapped(_SCALES[:, None] * turned - rest)
    agree = np.exp(-0.5 * np.square(away / _TURN)) * weight
    best = int((agree.sum(1) / weight.sum() - 0.5 * np.square(np.log(_SCALES) / _EXPECTED)).argmax())
    # Between the scales that were tried: those laps' least squares.
    return float(_SCALES[best] - agree[best] @ (turned * away[best]) / (agree[best] @ turned**2))


def _turned(drive: Drive, meeting: Meeting) -> tuple[float, int]:
    """Return by how much [rad] a drive turned between two of its keyframes, and how often it was not seen there."""
    first, last = sorted((meeting.key, meeting.node))
    path = drive.path
    return float(path[meeting.key, 2] - path[meeting.node, 2]), int(drive.vague[first:last].sum())


def agreeing(meetings: list[Meeting], path: np.ndarray) -> list[Meeting]:
    """Return the meetings of a drive with itself that at least half of the neighbouring ones agree with.

    Args:
        path: (m, 3) of its keyframes, by odometry.
    """
    if not meetings:
        return []
    keys = np.array([each.key for each in meetings])
    here = compose(path[[each.node for each in meetings]], np.array([each.pose for each in meetings]))
    turned = path[keys, 2] - path[[each.node for each in meetings], 2]
    whole = np.abs(wrapped(turned - [each.pose[2] for each in meetings])) < _BENT  # who is back has turned whole turns
    difference = relative(here[:, None], here[None]) - relative(path[keys][:, None], path[keys][None])
    apart = np.abs(keys[:, None] - keys)
    agree = np.hypot(difference[..., 0], difference[..., 1]) < 0.04 + 0.01 * apart
    agree &= np.abs(wrapped(difference[..., 2])) < 0.04 + 0.005 * apart
    near = (apart > 0) & (apart <= _NEIGHBOURS) & whole
    count, agreed = near.sum(1), (agree & near).sum(1)
    kept = whole & (agreed >= _FEWEST - 1) & (2 * agreed >= count)
    return [each for each, keep in zip(meetings, kept, strict=True) if keep]
