"""Many episodes side by side in closed loop on a rebuilt track; each is one lap."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.errors import InputError
from sim2real.progress import Progress, silent
from sim2real.tracks.driving.car import DRAWS as CAR_DRAWS
from sim2real.tracks.driving.car import STEERING, Cars, Vehicle
from sim2real.tracks.driving.course import DRAWS as START_DRAWS
from sim2real.tracks.driving.course import Beside, Course
from sim2real.tracks.driving.laps import Laps, Steps
from sim2real.tracks.rebuilt import RebuiltTrack

_PATIENCE = 2.0  # times a lap at the driver's slowest speed: then it counts as failed


@dataclass(frozen=True)
class Situation:
    """What a driver may know when it gives the next command.

    Attributes:
        which: (m,) the running episodes.
        seeds: (m, 2) of the frames that their cameras take: the episode's seed, and the step.
        cars: all n cars.
        beside: places of all n cars.
    """

    which: np.ndarray
    seeds: np.ndarray
    cars: Cars
    beside: Beside


Act = Callable[[Situation], np.ndarray]
"""Maps a situation to (m, 2) steering and throttle of the running episodes."""


@dataclass(frozen=True)
class TrackEpisodes:
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


def draw_episodes(track: RebuiltTrack, laps: int, first_seed: int, speed: float | None = None) -> TrackEpisodes:
    """Draw a car and a start per episode, with seeds first_seed + 0 … laps - 1.

    Args:
        speed: of all cars [m/s], whatever their throttle; None: by throttle, within the log's speeds, or the log's
            median speed if its speed per throttle is not known.

    Raises:
        InputError: the log does not tell how the car steers.
    """
    missing = [name for name in STEERING if track.vehicle.get(name) is None]
    if missing:
        raise InputError(
            f"{track.folder} does not know the car's {', '.join(missing)}: reconstruct from drives that steer"
        )
    course, seeds = Course(track), first_seed + np.arange(laps)
    uniform = np.stack([np.random.default_rng(int(seed)).random(CAR_DRAWS + START_DRAWS) for seed in seeds])
    if speed is None and track.vehicle.get("speed_per_throttle") is None:
        speed = float(np.median(course.driver.speed))
    speeds = course.driver.speeds if speed is None else (speed, speed)
    vehicle = Vehicle.drawn(track.vehicle, uniform[:, :CAR_DRAWS], speeds, track.fps)
    poses, beside, begun = course.starts(uniform[:, CAR_DRAWS:])
    return TrackEpisodes(course, vehicle, seeds, poses, beside, np.clip(begun, *speeds))


def drive(act: Act, episodes: TrackEpisodes, progress: Progress = silent, steps: int | None = None) -> Laps:
    """Drive every episode for a lap.

    A car that is more than half the road's width from the centre line, or faces backwards, is put back on the line: an
    intervention; the lap goes on.

    Args:
        progress: called with the share of the laps that is driven, in metres.
        steps: control steps after which all laps end; None: when they are driven.
    """
    course, cars, beside = episodes.course, episodes.cars(), episodes.beside
    count, left = len(episodes.seeds), course.left(beside)
    limit = int(np.ceil(_PATIENCE * course.lap / episodes.vehicle.speeds[0] * episodes.vehicle.fps))
    limit = limit if steps is None else min(limit, steps)
    command, rows, out, total = np.zeros((count, 2)), [], [], left.sum()
    for step in range(limit):
        which = np.flatnonzero(left > 1e-6)
        if not len(which):
            break
        seeds = np.column_stack([episodes.seeds[which], np.full(len(which), step)])
        command[which] = act(Situation(which, seeds, cars, beside))
        before, speed = cars.poses.copy(), cars.speed.copy()
        rows.append(_rows(which, step, before, beside, np.clip(command, -1, 1), speed))
        cars.step(command)
        now = course.beside(cars.poses, beside.at, beside.way)
        left[which] -= course.gained(beside.at, now.at, now.way)[which]  # who has arrived stays so
        lost = (np.abs(now.offset) > course.half) | (np.abs(now.heading) > np.pi / 2)
        lost[np.setdiff1d(np.arange(count), which)] = False
        out += [(k, step, *cars.poses[k]) for k in np.flatnonzero(lost)]
        if lost.any():
            cars.put(lost, course.poses(now.at, now.way), episodes.along(now))
            now = course.beside(cars.poses, now.at, now.way)
        beside = now
        progress(int(total - np.maximum(left, 0).sum()), int(total))
    table = np.array(out, float).reshape(-1, 5)
    driven = Steps(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    return Laps(episodes.seeds, left <= 1e-6, driven, table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:])


def _rows(
    which: np.ndarray, step: int, poses: np.ndarray, beside: Beside, command: np.ndarray, speed: np.ndarray
) -> tuple[np.ndarray, ...]:
    columns = which, np.full(len(which), step), poses[which], beside.offset[which], beside.heading[which]
    return *columns, command[which], speed[which]
