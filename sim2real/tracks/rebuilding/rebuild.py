"""From drives to one map: every drive is placed on the map that the first one began, then all are refined on it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sim2real.errors import InputError
from sim2real.progress import Progress, silent
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.poses import compose, relative
from sim2real.tracks.rasters import Raster
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.localization import localized
from sim2real.tracks.rebuilding.placed import Nodes, Placed, known_places
from sim2real.tracks.rebuilding.registration import TILT, Registration, register

_CLEAR = 0.75  # correlation of a registration to another lap or to the map: other light, other blur
_MOVED = 0.06  # m that a refinement may move a keyframe
_FEWEST, _SHARE = 3, 0.4  # meetings, and share of its keyframes, that place a drive
_ENOUGH = 0.9  # share of its keyframes, from where on a drive is not placed again


def place(
    placed: Placed, drives: Mapping[int, Drive], ground: Raster, progress: Progress = silent, settle: bool = True
) -> Placed:
    """Place every other drive on the map, where it shows what was mapped; those that are placed for the most part stay.

    Where the longest drive's own motion was lost its map is bent, and others are lost there; they pull it straight, so
    that placing them a second time finds more, and so does a third time on a map that was refined.

    Args:
        settle: whether all poses then move to agree best with all meetings; not those that were refined.
    """
    places, nodes = known_places(placed, ground), Nodes.of(placed)
    poses, meetings, on_map = dict(placed.poses), dict(placed.meetings), dict(placed.found)
    others = [k for k in drives if k != placed.seed and placed.share(k) < _ENOUGH]
    found = in_parallel(lambda k: localized(drives[k], places, ground), others, progress)
    for k, met in zip(others, found, strict=True):
        known, near = {key: each.pose for key, each in met.items()}, nodes.met(k, met)
        if len(known) >= _SHARE * len(drives[k].rows) and len(near) >= _FEWEST:
            poses[k], meetings[k], on_map[k] = _laid(drives[k].path, known), near, met
    more = replace(placed, poses=poses, meetings=meetings, found=on_map)
    return more.settled(drives) if settle else more


def refined(placed: Placed, drives: Mapping[int, Drive], ground: Raster, progress: Progress = silent) -> Placed:
    """Register all keyframes to the map where they are; those that it contradicts, and drives without others, go."""

    def again(k: int) -> dict[int, Registration]:
        found: dict[int, Registration] = {}
        for i in placed.supported(k):
            pose = placed.poses[k][i]
            each = register(drives[k].templates[i], ground, pose, first=1, tilts=TILT)  # it is nearly there
            if each.correlation > _CLEAR and np.hypot(*(each.pose - pose)[:2]) < _MOVED:
                found[int(i)] = each
        return found

    order = list(placed.poses)
    found = dict(zip(order, in_parallel(again, order, progress), strict=True))
    kept = [k for k in order if len(found[k]) >= _FEWEST]
    if placed.seed not in kept:
        raise InputError(
            "the frames contradict the map that they make: they are of another camera (--camera, --height, --pitch), "
            "or the ground is not flat"
        )
    return replace(placed, poses={k: placed.poses[k] for k in kept}, found={k: found[k] for k in kept}).pinned(drives)


def _laid(path: np.ndarray, known: Mapping[int, np.ndarray]) -> np.ndarray:
    """Return odometry's path (m, 3) laid through known poses: each part moves with the nearest known one."""
    keys = np.array(sorted(known))
    nearest = keys[np.abs(np.arange(len(path))[:, None] - keys).argmin(1)]
    return np.array([compose(known[m], relative(path[m], path[i])) for i, m in enumerate(nearest)])
