"""Where the frames of further drives were on a finished map, and how well that agrees with mapped frames."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim2real.tracks.footage import Footage
from sim2real.tracks.odometry import Drive
from sim2real.tracks.poses import compose, relative
from sim2real.tracks.rebuild import Placed
from sim2real.tracks.registration import register

_NEAR, _TURNED = 0.5, 0.4  # m and rad between a frame and the mapped one that it is compared with
_CLEAR = 0.8  # correlation of two frames


@dataclass(frozen=True)
class Deviation:
    """By how much localization in the map and registration to a mapped frame of another drive disagree.

    Attributes:
        along, across: (n,) m, in the car's frame.
        yaw: (n,) rad.
    """

    along: np.ndarray
    across: np.ndarray
    yaw: np.ndarray

    def __len__(self) -> int:
        return len(self.yaw)

    def to_dict(self) -> dict[str, dict[str, float | None]]:
        """Return medians and 95th percentiles of the absolute values; None without any."""
        names = ("along", "across", "yaw")
        if not len(self):
            return {name: {"median": None, "p95": None} for name in names}
        return {
            name: {
                key: float(np.quantile(np.abs(getattr(self, name)), q)) for key, q in (("median", 0.5), ("p95", 0.95))
            }
            for name in names
        }


def deviation(
    localized: dict[int, dict[int, np.ndarray]], placed: Placed, drives: Mapping[int, Drive], footage: Footage
) -> Deviation:
    """Compare localized keyframes with registrations to the nearest mapped keyframe of another drive.

    Args:
        localized: drive -> keyframe -> (3,) map_from_car.
        placed: the drives that the map was made of.
    """
    whose = np.array([(k, i) for k in placed.poses for i in placed.supported(k)])
    poses = np.array([placed.poses[k][i] for k, i in whose])
    found = []
    for k, keys in localized.items():
        for key, pose in keys.items():
            between = relative(poses, pose)
            near = (np.hypot(between[:, 0], between[:, 1]) < _NEAR) & (np.abs(between[:, 2]) < _TURNED)
            near &= whose[:, 0] != k
            if not near.any():
                continue
            # The nearest in what both see: along the way counts less than across it and the turn.
            distance = np.abs(between) @ np.array([1.0, 2.0, 1.0])
            j = int(np.flatnonzero(near)[distance[near].argmin()])
            other, row = map(int, whose[j])
            target = footage.raster(other, int(drives[other].rows[row]))
            seen = register(drives[k].templates[key], target, between[j])
            if seen.correlation > _CLEAR:
                found.append(relative(compose(poses[j], seen.pose), pose))
    along, across, yaw = np.array(found).reshape(-1, 3).T
    return Deviation(along, across, yaw)
