"""The way that cars are driven on: where they are beside the centre line, and where they start."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from envs.lane_follow.track import TrackConfig
from sim2real.errors import InputError
from sim2real.tracks.centre_line import CentreLine
from sim2real.tracks.poses import wrapped
from sim2real.tracks.rebuilt import RebuiltTrack

_REACH = 0.4  # m along the line in which a car is searched after a control step
_MOVING = 0.1  # m/s
_SPEEDS = (5, 95)  # percentiles of the driver's speed
_WINDOW = 0.5  # s over which it is measured: poses of single frames are too coarse
_TURNED = 0.25  # rad, largest heading against the line at a start, as in the task's own tests
_COLUMNS = ("episode_index", "frame_index", "x", "y", "yaw", "along", "offset", "heading")
DRAWS = 1  # uniform numbers that a start is drawn from


@dataclass(frozen=True)
class Beside:
    """Places of n cars beside the line.

    Attributes:
        at: (n,) nearest sample.
        way: (n,) +1 along the line, -1 against it.
        offset: (n,) m to the left of the line, in driving direction.
        heading: (n,) rad against the line in driving direction, positive to the left.
    """

    at: np.ndarray
    way: np.ndarray
    offset: np.ndarray
    heading: np.ndarray


@dataclass(frozen=True)
class Driver:
    """How the log's drivers drove, by m frames whose speed is known.

    Attributes:
        at, way, offset, heading: as in Beside.
        speed: (m,) m/s.
        beyond: share of all frames more than half the road's width from the centre line.
        frames: number of all frames.
        rows: (m,) of these frames in `poses.parquet`.
    """

    at: np.ndarray
    way: np.ndarray
    offset: np.ndarray
    heading: np.ndarray
    speed: np.ndarray
    beyond: float
    frames: int
    rows: np.ndarray

    @property
    def speeds(self) -> tuple[float, float]:
        """Return the 5th and 95th percentile of the speed [m/s]."""
        low, high = np.percentile(self.speed, _SPEEDS)
        return float(low), float(high)


class Course:
    """A track's centre line to drive along.

    Attributes:
        line: the centre line.
        half: half the road's width [m]; of the printed tracks where no edge lines were found.

    Raises:
        InputError: the track's poses cannot be read, or none of them drive along the line.
    """

    def __init__(self, track: RebuiltTrack) -> None:
        self.line: CentreLine = track.line
        self.half = (track.line.width or TrackConfig.road_width) / 2
        self._track = track
        self._step = track.line.length / len(track.line.points)
        poses = track.folder / "poses.parquet"
        missing = [name for name in _COLUMNS if name not in track.poses]
        if missing:
            raise InputError(f"{poses} has no {', '.join(missing)}: reconstruct the track again")
        if not len(self.driver.speed):
            raise InputError(f"{poses} has no frames that drive")

    @cached_property
    def driver(self) -> Driver:
        """Return how the log was driven."""
        columns, line = self._track.poses, self.line
        at = np.round(columns["along"] / self._step).astype(int) % len(line.points)
        way = np.where(np.abs(wrapped(columns["yaw"] - line.heading[at])) > np.pi / 2, -1, 1)
        apart = max(round(_WINDOW * self._track.fps), 1)
        first, last = ({name: each[part] for name, each in columns.items()} for part in (np.s_[:-apart], np.s_[apart:]))
        together = (first["episode_index"] == last["episode_index"]) & (
            last["frame_index"] - first["frame_index"] == apart
        )
        speed = np.hypot(last["x"] - first["x"], last["y"] - first["y"]) * self._track.fps / apart
        rows = np.flatnonzero(together & (speed > _MOVING))
        parts = at[rows], way[rows], columns["offset"][rows], columns["heading"][rows], speed[rows]
        return Driver(*parts, float((np.abs(columns["offset"]) > self.half).mean()), len(at), rows)

    def starts(self, uniform: np.ndarray) -> tuple[np.ndarray, Beside, np.ndarray]:
        """Return poses (n, 3), places and speeds (n,) [m/s] of starts.

        Each is a frame of the log that is no more than half of the way to the edge line from the centre line, and faces
        along it. If the line is not closed, the start is moved to the end where its way begins.

        Args:
            uniform: (n, DRAWS) in [0, 1).
        """
        driver, count = self.driver, len(self.line.points)
        fair = np.flatnonzero((np.abs(driver.offset) <= self.half / 2) & (np.abs(driver.heading) <= _TURNED))
        if not len(fair):
            raise InputError(f"{self._track.folder}: no frame of the log is on the road and faces along it")
        frame = fair[(uniform[:, 0] * len(fair)).astype(int)]
        way = driver.way[frame]
        at = driver.at[frame] if self.line.closed else np.where(way > 0, 0, count - 1)
        poses = self.poses(at, way, driver.offset[frame], driver.heading[frame])
        return poses, self.beside(poses, at, way), driver.speed[frame]

    def poses(
        self, at: np.ndarray, way: np.ndarray, offset: np.ndarray | float = 0.0, heading: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """Return (n, 3) map_from_car of cars beside samples (n,) of the line."""
        ahead = self.line.heading[at] + np.where(way > 0, 0, np.pi)
        left = np.stack([-np.sin(ahead), np.cos(ahead)], -1)
        where = self.line.points[at] + np.reshape(offset, (-1, 1)) * left
        return np.column_stack([where, ahead + heading])

    def beside(self, poses: np.ndarray, at: np.ndarray, way: np.ndarray) -> Beside:
        """Return where cars (n, 3) are that were near samples `at` (n,), driving `way` (n,)."""
        reach = int(np.ceil(_REACH / self._step))
        near = self._sample(at[:, None] + np.arange(-reach, reach + 1))
        best = np.square(self.line.points[near] - poses[:, None, :2]).sum(-1).argmin(1)
        at = near[np.arange(len(near)), best]
        ahead = self.line.heading[at] + np.where(way > 0, 0, np.pi)
        delta = poses[:, :2] - self.line.points[at]
        offset = np.cos(ahead) * delta[:, 1] - np.sin(ahead) * delta[:, 0]
        return Beside(at, way, offset, wrapped(poses[:, 2] - ahead))

    def gained(self, before: np.ndarray, after: np.ndarray, way: np.ndarray) -> np.ndarray:
        """Return (n,) m driven along the line from samples `before` to `after`."""
        count = len(self.line.points)
        samples = after - before
        if self.line.closed:
            samples = (samples + count // 2) % count - count // 2
        return way * samples * self._step

    @property
    def lap(self) -> float:
        """Return the length of a lap [m]: around, or from one end to the other."""
        return self.line.length if self.line.closed else self.line.length - self._step

    def left(self, beside: Beside) -> np.ndarray:
        """Return (n,) m of the lap that begins at these places."""
        if self.line.closed:
            return np.full(len(beside.at), self.lap)
        ends = np.where(beside.way > 0, len(self.line.points) - 1, 0)
        return self.gained(beside.at, ends, beside.way)

    def ahead(self, at: np.ndarray, way: np.ndarray, distance: np.ndarray | float) -> np.ndarray:
        """Return the samples (n,) at a distance (n,) [m] ahead of samples `at`; the last one beyond an open end."""
        return self._sample(at + way * np.round(distance / self._step).astype(int))

    def curvature(self, at: np.ndarray, way: np.ndarray) -> np.ndarray:
        """Return (n,) 1/m of the line at samples, positive to the left in driving direction."""
        return way * self.line.curvature[at]

    def _sample(self, index: np.ndarray) -> np.ndarray:
        count = len(self.line.points)
        return index % count if self.line.closed else np.clip(index, 0, count - 1)
