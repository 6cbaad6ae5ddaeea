"""Blocks of frames that a map is not made of, and how well their places on it agree with mapped frames."""

from collections.abc import Mapping

import numpy as np

from sim2real.tracks.poses import compose, relative
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.placed import Nodes, Placed
from sim2real.tracks.rebuilding.registration import TILT, Views, register

NAMES = ("along", "across", "yaw")  # m, m and rad, in the car's frame
_NEAR, _TURNED = 0.5, 0.4  # m and rad between a frame and the mapped one that it is compared with
_CLEAR = 0.8  # correlation of two frames


def held_out(drives: Mapping[int, Drive], share: float, seed: int) -> list[int]:
    """Return the drives that hold about a share of the frames; never the longest, which may begin the map."""
    wanted, first = share * sum(map(len, drives.values())), max(drives, key=lambda k: drives[k].travelled[-1])
    held: list[int] = []
    for k in np.random.default_rng(seed).permutation(list(drives)):
        # A block may exceed what is wanted by half of it, so that one that is much too long is left.
        if k != first and sum(len(drives[h]) for h in held) + len(drives[k]) / 2 < wanted:
            held.append(int(k))
    return sorted(held)


def summary(deviation: np.ndarray) -> dict[str, dict[str, float | None]]:
    """Return medians and 95th percentiles of the absolute values (n, 3) of `deviation` by name; None without any."""
    quantiles = np.quantile(np.abs(deviation), (0.5, 0.95), axis=0) if len(deviation) else np.full((2, 3), None)
    return {name: {"median": quantiles[0, k], "p95": quantiles[1, k]} for k, name in enumerate(NAMES)}


def deviation(
    localized: Mapping[int, Mapping[int, np.ndarray]], placed: Placed, drives: Mapping[int, Drive], views: Views
) -> np.ndarray:
    """Return by how much (n, 3) localization in the map and registration to a mapped frame of another drive disagree.

    Args:
        localized: drive -> keyframe -> (3,) map_from_car.
        placed: the drives that the map was made of.
    """
    nodes, found = Nodes.of(placed), []
    for k, keys in localized.items():
        for key, pose in keys.items():
            between = relative(nodes.poses, pose)
            near = (np.hypot(between[:, 0], between[:, 1]) < _NEAR) & (np.abs(between[:, 2]) < _TURNED)
            near &= nodes.whose[:, 0] != k
            if not near.any():
                continue
            # The nearest in what both see: along the way counts less than across it and the turn.
            distance = np.abs(between) @ np.array([1.0, 2.0, 1.0])
            j = int(np.flatnonzero(near)[distance[near].argmin()])
            other, node = map(int, nodes.whose[j])
            seen = register(drives[k].templates[key], views.raster(drives[other].images[node]), between[j], tilts=TILT)
            if seen.correlation > _CLEAR:
                found.append(relative(compose(nodes.poses[j], seen.pose), pose))
    return np.array(found).reshape(-1, 3)
