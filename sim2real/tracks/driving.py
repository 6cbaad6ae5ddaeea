"""Many episodes side by side in closed loop on a rebuilt track; each is one lap."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.errors import InputError
from sim2real.progress import Progress, silent
from sim2real.tracks.car import DRAWS as CAR_DRAWS
from sim2real.tracks.car import Cars, Vehicle
from sim2real.tracks.course import DRAWS as START_DRAWS
from sim2real.tracks.course import Beside, Course
from sim2real.tracks.rebuilt import RebuiltTrack

_PATIENCE = 2.0  # times a lap at the driver's slowest speed: then it counts as failed


@dataclass(frozen=True)
class Situation:
    """What a driver may know when it gives the next command.

    Attributes:
        which: (m,) the running episodes.
        cars: all n cars.
        beside: places of all n cars.
    """

    which: np.ndarray
    cars: Cars
    beside: Beside


Act = Callable[[Situation], np.ndarray]
"""Maps a situation to (m, 2) steering and throttle of the running episodes."""


@dataclass(frozen=True)
class Steps:
    """Rows of all episodes in order of time: what was so before a step, and the command for it.

    Attributes:
        lap, step: (r,) episode, from 0, and its step.
        pose: (r, 3) map_from_car.
        offset, heading: (r,) as in Beside.
        command: (r, 2) steering and throttle.
        speed: (r,) m/s.
    """

    lap: np.ndarray
    step: np.ndarray
    pose: np.ndarray
    offset: np.ndarray
    heading: np.ndarray
    command: np.ndarray
    speed: np.ndarray

    def of(self, lap: int) -> "Steps":
        """Return the rows of one episode."""
        rows = self.lap == lap
        return Steps(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Laps:
    """Results of n laps.

    Attributes:
        seeds: (n,) of the episodes.
        finished: (n,) bool, whether the lap was driven before its time was up.
        steps: what happened.
        out_lap, out_step: (k,) episode and step of each intervention.
        out_pose: (k, 3) where the car was then.
    """

    seeds: np.ndarray
    finished: np.ndarray
    steps: Steps
    out_lap: np.ndarray
    out_step: np.ndarray
    out_pose: np.ndarray

    @property
    def interventions(self) -> np.ndarray:
        """Return (n,) number of interventions of each lap."""
        return np.bincount(self.out_lap, minlength=len(self.seeds))

    @property
    def clean(self) -> np.ndarray:
        """Return (n,) bool, laps that were finished without an intervention."""
        return self.finished & (self.interventions == 0)


@dataclass(frozen=True)
class Field:
    """Episodes that are ready to be driven, the same for every driver.

    Attributes:
        course: the line.
        vehicle: the car of each episode.
        seeds: (n,) of the episodes; each determines its own episode only.
        poses, beside, speed: where each starts.
    """

    course: Course
    vehicle: Vehicle
    seeds: np.ndarray
    poses: np.ndarray
    beside: Beside
    speed: np.ndarray

    def cars(self) -> Cars:
        """Return new cars at the start, their wheels turned as the line goes."""
        return Cars(self.vehicle, self.poses, self.speed, self.along(self.beside))

    def along(self, beside: Beside) -> np.ndarray:
        """Return (n,) steering that follows the line."""
        return self.vehicle.steering_for(self.course.curvature(beside.at, beside.way))


def field(track: RebuiltTrack, laps: int, first_seed: int, speed: float | None = None) -> Field:
    """Draw a car and a start per episode, with seeds first_seed + 0 … laps - 1.

    Args:
        speed: of all cars [m/s], whatever their throttle; None: by throttle, within the log's speeds.

    Raises:
        InputError: the log does not tell how the car steers.
    """
    missing = [name for name, each in track.vehicle.items() if each is None and name != "speed_per_throttle"]
    if missing:
        raise InputError(
            f"{track.folder} does not know the car's {', '.join(missing)}: reconstruct from drives that steer"
        )
    course, seeds = Course(track), first_seed + np.arange(laps)
    uniform = np.stack([np.random.default_rng(int(seed)).random(CAR_DRAWS + START_DRAWS) for seed in seeds])
    speeds = course.driver.speeds if speed is None else (speed, speed)
    vehicle = Vehicle.drawn(track.vehicle, uniform[:, :CAR_DRAWS], speeds, track.fps)
    poses, beside, begun = course.starts(uniform[:, CAR_DRAWS:])
    return Field(course, vehicle, seeds, poses, beside, np.clip(begun, *speeds))


def drive(act: Act, field: Field, progress: Progress = silent) -> Laps:
    """Drive every episode for a lap.

    A car that is more than half the road's width from the centre line, or faces backwards, is put back on the line: an
    intervention; the lap goes on.

    Args:
        progress: called with the share of the laps that is driven, in metres.
    """
    course, cars, beside = field.course, field.cars(), field.beside
    count, left = len(field.seeds), course.left(beside)
    limit = int(np.ceil(_PATIENCE * course.lap / field.vehicle.speeds[0] * field.vehicle.fps))
    command, rows, out, total = np.zeros((count, 2)), [], [], left.sum()
    for step in range(limit):
        which = np.flatnonzero(left > 1e-6)
        if not len(which):
            break
        command[which] = act(Situation(which, cars, beside))
        before, speed = cars.poses.copy(), cars.speed.copy()
        rows.append(_rows(which, step, before, beside, np.clip(command, -1, 1), speed))
        cars.step(command)
        now = course.beside(cars.poses, beside.at, beside.way)
        left -= course.gained(beside.at, now.at, now.way)
        lost = (np.abs(now.offset) > course.half) | (np.abs(now.heading) > np.pi / 2)
        lost[np.setdiff1d(np.arange(count), which)] = False
        out += [(k, step, *cars.poses[k]) for k in np.flatnonzero(lost)]
        if lost.any():
            cars.put(lost, course.poses(now.at, now.way), field.along(now))
            now = course.beside(cars.poses, now.at, now.way)
        beside = now
        progress(int(total - np.maximum(left, 0).sum()), int(total))
    table = np.array(out, float).reshape(-1, 5)
    steps = Steps(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    return Laps(field.seeds, left <= 1e-6, steps, table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:])


def _rows(
    which: np.ndarray, step: int, poses: np.ndarray, beside: Beside, command: np.ndarray, speed: np.ndarray
) -> tuple[np.ndarray, ...]:
    columns = which, np.full(len(which), step), poses[which], beside.offset[which], beside.heading[which]
    return *columns, command[which], speed[which]
