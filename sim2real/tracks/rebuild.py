"""From drives to one map: the longest drive's laps are closed, then every other drive is placed on its map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sim2real.progress import Progress, silent
from sim2real.tracks.localization import localized
from sim2real.tracks.mosaic import Mosaic, MosaicMaker
from sim2real.tracks.odometry import Drive
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.places import OFFSETS, Places, distinct, looks
from sim2real.tracks.pose_graph import BENT, KERNELS, Edges, optimized
from sim2real.tracks.poses import compose, relative, wrapped
from sim2real.tracks.registration import Raster, Registration, Views, register

_LATER = 3.0  # m driven, from where on a place may be seen again
_SURE = 0.9  # probability of a place, from where on a keyframe is registered there
_CLEAR = 0.75  # correlation of a registration to another lap or to the map: other light, other blur
_FAR = 0.6  # m between two keyframes that meet
_MOVED = 0.06  # m that a refinement may move a keyframe
_NEIGHBOURS = 16  # keyframes on either side that must agree with a meeting
_FEWEST, _SHARE = 3, 0.4  # meetings, and share of its keyframes, that place a drive
_ODOMETRY, _MEETING = (0.006, 0.004, 0.005), (0.01, 0.006, 0.006)  # standard deviations [m, m, rad]
_SUPPORT = 4  # keyframes from one that was registered, beyond which a pose is odometry's alone
_ENOUGH = 0.9  # share of its keyframes, from where on a drive is not placed again
_SEEDS = 8  # drives that are tried to begin a map
_BESIDE, _ALIKE = 0.3, 0.4  # m and rad between keyframes that see the same
_MET = 0.15  # m by which these may disagree with their registration
_LAPS = 10  # meetings after a lap, from where on they say how odometry's turns scale
_SCALES = np.arange(0.8, 1.3, 0.01)
_EXPECTED = 0.3  # standard deviation of its logarithm
_TURN, _BENT = 0.2, 1.0  # rad by which odometry misses a whole turn: standard deviation, and at most
_VAGUE = 40.0  # times those of odometry where a registration failed


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

    def pitch(self, drive: int) -> np.ndarray:
        """Return (m,) rad, by which a drive's camera looked farther down than the map's at keyframes; 0 if unknown."""
        result = np.zeros(len(self.poses[drive]))
        for key, each in self.found.get(drive, {}).items():
            result[key] = each.pitch
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


def closed_seed(drives: Mapping[int, Drive], views: Views, progress: Progress = silent) -> tuple[Placed, float]:
    """Close the laps of one of the longest drives, that whose laps are seen best.

    Returns:
        The drive on its own map; the scale of odometry's turns by which its laps are whole turns.
    """
    longest = sorted(drives, key=lambda k: -drives[k].travelled[-1])[:_SEEDS]
    met = dict(zip(longest, in_parallel(lambda k: _laps(k, drives[k], views), longest, progress), strict=True))
    scale = turn_scale([(drives[k], each) for k, each in met.items()])
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


def _laps(k: int, seed: Drive, views: Views) -> list[Meeting]:
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


def turn_scale(laps: Sequence[tuple[Drive, list[Meeting]]]) -> float:
    """Return the factor of odometry's turns by which most laps are whole turns.

    A lens that is a little wrong makes all turns seem too small or too large by about the same share. Laps on which
    registration failed tell little.

    Args:
        laps: drives, and where each comes to a place again.
    """
    rows = [(*_turned(drive, m), m.pose[2]) for drive, met in laps for m in met]
    turned, failed, rest = np.array([row for row in rows if abs(row[0]) > np.pi]).reshape(-1, 3).T
    if len(turned) < _LAPS:
        return 1.0
    weight = 1 / (1 + failed) ** 2
    votes = np.exp(-0.5 * np.square(wrapped(_SCALES[:, None] * turned - rest) / _TURN)) @ weight / weight.sum()
    return float(_SCALES[int((votes - 0.5 * np.square(np.log(_SCALES) / _EXPECTED)).argmax())])


def _turned(drive: Drive, meeting: Meeting) -> tuple[float, int]:
    """Return by how much [rad] a drive turned between two of its keyframes, and how often it was not seen there."""
    first, last = sorted((meeting.key, meeting.node))
    path = drive.path
    return float(path[meeting.key, 2] - path[meeting.node, 2]), int(drive.vague[first:last].sum())


def mapped(placed: Placed, drives: Mapping[int, Drive], views: Views, progress: Progress = silent) -> Mosaic:
    """Return the map of the keyframes of all placed drives."""
    maker = MosaicMaker(views.view, np.concatenate(list(placed.poses.values())))
    for done, (k, poses) in enumerate(placed.poses.items()):
        pitch = placed.pitch(k)
        for i in placed.supported(k):
            maker.add(drives[k].images[i], poses[i], float(pitch[i]))
        progress(done + 1, len(placed.poses))
    return maker.mosaic()


def known_places(placed: Placed, ground: Raster) -> Places:
    """Return the places along all placed drives, driven either way, as they look on the map."""
    here = distinct(Nodes.of(placed).poses)
    either = np.concatenate([here, compose(here, np.array([0.0, 0.0, np.pi]))])
    return Places(either, looks(ground, either))


def place(placed: Placed, drives: Mapping[int, Drive], ground: Raster, progress: Progress = silent) -> Placed:
    """Place every other drive on the map, where it shows what was mapped; those that are placed for the most part stay.

    Where the longest drive's own motion was lost its map is bent, and others are lost there; they pull it straight, so
    that placing them a second time finds more.
    """
    places, nodes = known_places(placed, ground), Nodes.of(placed)
    poses, meetings, on_map = dict(placed.poses), dict(placed.meetings), dict(placed.found)
    others = [k for k in drives if k != placed.seed and placed.share(k) < _ENOUGH]
    found = in_parallel(lambda k: localized(drives[k], places, ground), others, progress)
    for k, met in zip(others, found, strict=True):
        known, near = {key: each.pose for key, each in met.items()}, nodes.met(k, met)
        if len(known) >= _SHARE * len(drives[k].rows) and len(near) >= _FEWEST:
            poses[k], meetings[k], on_map[k] = _laid(drives[k].path, known), near, met
    return replace(placed, poses=poses, meetings=meetings, found=on_map).settled(drives)


def refined(placed: Placed, drives: Mapping[int, Drive], ground: Raster, progress: Progress = silent) -> Placed:
    """Register all keyframes to the map where they are; those that it contradicts, and drives without others, go."""

    def again(k: int) -> dict[int, Registration]:
        found: dict[int, Registration] = {}
        for i in placed.supported(k):
            pose = placed.poses[k][i]
            each = register(drives[k].templates[i], ground, pose, first=1)  # it is nearly there
            if each.correlation > _CLEAR and np.hypot(*(each.pose - pose)[:2]) < _MOVED:
                found[int(i)] = each
        return found

    order = list(placed.poses)
    found = dict(zip(order, in_parallel(again, order, progress), strict=True))
    kept = [k for k in order if len(found[k]) >= _FEWEST]
    return replace(placed, poses={k: placed.poses[k] for k in kept}, found={k: found[k] for k in kept}).pinned(drives)


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


def _laid(path: np.ndarray, known: Mapping[int, np.ndarray]) -> np.ndarray:
    """Return odometry's path (m, 3) laid through known poses: each part moves with the nearest known one."""
    keys = np.array(sorted(known))
    nearest = keys[np.abs(np.arange(len(path))[:, None] - keys).argmin(1)]
    return np.array([compose(known[m], relative(path[m], path[i])) for i, m in enumerate(nearest)])


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
