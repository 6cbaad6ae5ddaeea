"""Drives on one map: their poses, what placed them, and the map that they make."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sim2real.progress import Progress, silent
from sim2real.tracks.mosaic import Mosaic, MosaicMaker
from sim2real.tracks.poses import compose, relative
from sim2real.tracks.rasters import Raster
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.places import Places, distinct, looks
from sim2real.tracks.rebuilding.pose_graph import KERNELS, Edges, optimized
from sim2real.tracks.rebuilding.registration import Registration, Views

_ODOMETRY, _MEETING = (0.006, 0.004, 0.005), (0.01, 0.006, 0.006)  # standard deviations [m, m, rad]
_VAGUE = 40.0  # times those of odometry where a registration failed
_SUPPORT = 4  # keyframes from one that was registered, beyond which a pose is odometry's alone
_FAR = 0.6  # m between two keyframes that meet


@dataclass(frozen=True)
class Meeting:
    """A keyframe of a drive that was registered near another one, which the map was made of.

    Attributes:
        key: index of the keyframe in its drive.
        drive, node: the other one's drive, and its index there.
        pose: (3,) node_from_car.
    """

    key: int
    drive: int
    node: int
    pose: np.ndarray


@dataclass(frozen=True)
class Placed:
    """Drives on one map.

    Attributes:
        poses: drive -> (m, 3) map_from_car of its keyframes; the seed first.
        meetings: drive -> what placed it.
        found: drive -> keyframe -> where it was last registered on the map; nothing for the seed until it is refined.
    """

    poses: Mapping[int, np.ndarray]
    meetings: Mapping[int, list[Meeting]]
    found: Mapping[int, Mapping[int, Registration]] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """Return the drive that made the first map."""
        return next(iter(self.poses))

    def supported(self, drive: int) -> np.ndarray:
        """Return the keyframes of a drive that were registered to the map, or are near ones that were."""
        count = len(self.poses[drive])
        if drive not in self.found:
            return np.arange(count)
        keys = np.array(list(self.found[drive]))
        return np.flatnonzero(np.abs(np.arange(count)[:, None] - keys).min(1) <= _SUPPORT)

    def share(self, drive: int) -> float:
        """Return the share of a drive's keyframes that are supported; 0 if it has no place."""
        return len(self.supported(drive)) / len(self.poses[drive]) if drive in self.poses else 0.0

    def tilt(self, drive: int) -> np.ndarray:
        """Return (m, 2) rad, by which a drive's camera was tilted against the map's at keyframes; 0 if unknown."""
        result = np.zeros((len(self.poses[drive]), 2))
        for key, each in self.found.get(drive, {}).items():
            result[key] = each.tilt
        return result

    def settled(self, drives: Mapping[int, Drive], kernels: tuple[float, ...] = KERNELS) -> "Placed":
        """Return it with the poses that agree best with all odometry and all meetings."""
        starts = dict(zip(self.poses, np.cumsum([0, *map(len, self.poses.values())]), strict=False))
        met = [(k, m) for k in self.poses for m in self.meetings[k]]
        pairs = np.array([(starts[m.drive] + m.node, starts[k] + m.key) for k, m in met], int).reshape(-1, 2)
        motion = np.array([m.pose for _, m in met]).reshape(-1, 3)
        edges = _edges(drives, self.poses, starts, pairs, motion)
        poses = optimized(np.concatenate(list(self.poses.values())), edges, kernels)
        return replace(self, poses={k: poses[start : start + len(self.poses[k])] for k, start in starts.items()})

    def pinned(self, drives: Mapping[int, Drive]) -> "Placed":
        """Return it with the poses that agree best with all odometry and with where keyframes were found on the map."""
        starts = dict(zip(self.poses, np.cumsum([1, *map(len, self.poses.values())]), strict=False))  # 0: the map
        pins = [(starts[k] + key, each.pose) for k, keys in self.found.items() for key, each in keys.items()]
        pairs = np.array([(0, index) for index, _ in pins], int).reshape(-1, 2)
        motion = np.array([pose for _, pose in pins]).reshape(-1, 3)
        edges = _edges(drives, self.poses, starts, pairs, motion)
        poses = optimized(np.concatenate([np.zeros((1, 3)), *self.poses.values()]), edges)
        return replace(self, poses={k: poses[start : start + len(self.poses[k])] for k, start in starts.items()})


def _edges(
    drives: Mapping[int, Drive],
    poses: Mapping[int, np.ndarray],
    starts: Mapping[int, int],
    pairs: np.ndarray,
    motion: np.ndarray,
) -> Edges:
    """Return odometry's edges, and further ones.

    Args:
        poses: drive -> (m, 3).
        starts: drive -> number of its first keyframe.
        pairs: (e, 2) numbers of what further edges join.
        motion: (e, 3) of these.
    """
    parts = [np.stack([np.arange(len(each) - 1), np.arange(1, len(each))], 1) + starts[k] for k, each in poses.items()]
    steps = [relative(drives[k].path[:-1], drives[k].path[1:]) for k in poses]
    spread = [np.where(drives[k].vague[:, None], _VAGUE, 1.0) * np.array(_ODOMETRY) for k in poses]
    joined = np.concatenate([*parts, pairs])
    sigma = np.concatenate([*spread, np.tile(_MEETING, (len(pairs), 1))])
    return Edges(joined[:, 0], joined[:, 1], np.concatenate([*steps, motion]), sigma)


@dataclass(frozen=True)
class Nodes:
    """Keyframes that a map was made of.

    Attributes:
        poses: (N, 3) map_from_car.
        whose: (N, 2) their drives, and indices there.
    """

    poses: np.ndarray
    whose: np.ndarray

    @classmethod
    def of(cls, placed: Placed) -> "Nodes":
        """Return all keyframes that have a place."""
        whose = [(k, i) for k in placed.poses for i in placed.supported(k)]
        return cls(np.array([placed.poses[k][i] for k, i in whose]), np.array(whose))

    def met(self, drive: int, found: Mapping[int, Registration]) -> list[Meeting]:
        """Return the meetings of a drive's keyframes, found on the map, with the nearest nodes of other drives."""
        others = self.whose[:, 0] != drive
        near, whose = self.poses[others], self.whose[others]
        met = []
        for key, each in found.items() if len(near) else ():
            distance = np.square(near[:, :2] - each.pose[:2]).sum(1)
            k = int(np.argmin(distance))
            if distance[k] < _FAR**2:  # farther off both do not see the same ground
                met.append(Meeting(key, int(whose[k, 0]), int(whose[k, 1]), relative(near[k], each.pose)))
        return met


def mapped(placed: Placed, drives: Mapping[int, Drive], views: Views, progress: Progress = silent) -> Mosaic:
    """Return the map of the keyframes of all placed drives."""
    maker = MosaicMaker(views.view, np.concatenate([each[placed.supported(k)] for k, each in placed.poses.items()]))
    for done, (k, poses) in enumerate(placed.poses.items()):
        tilt = placed.tilt(k)
        for i in placed.supported(k):
            maker.add(drives[k].images[i], poses[i], tilt[i])
        progress(done + 1, len(placed.poses))
    return maker.mosaic()


def known_places(placed: Placed, ground: Raster) -> Places:
    """Return the places along all placed drives, driven either way, as they look on the map."""
    return places_along(Nodes.of(placed).poses, ground)


def places_along(poses: np.ndarray, ground: Raster) -> Places:
    """Return the places of cars at poses (n, 3), driven either way, as they look on the map."""
    here = distinct(poses)
    either = np.concatenate([here, compose(here, np.array([0.0, 0.0, np.pi]))])
    return Places(either, looks(ground, either))
