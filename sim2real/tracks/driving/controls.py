"""Drivers that policies are compared with: one that never steers, and one that knows the car's pose."""

import numpy as np

from sim2real.tracks.driving.car import moved
from sim2real.tracks.driving.course import Beside
from sim2real.tracks.driving.loop import Act, Situation, TrackEpisodes
from sim2real.tracks.poses import relative

LOOK_AHEAD = 0.5  # m
LOOK_AHEAD_TIME = 0.4  # s; people look 0.5 to 0.6 s ahead (two recordings), with which pursuit cuts corners by 10 cm
_ROUNDS, _DAMPED = 8, 0.4  # an arc answers to itself by about -1.4: undamped it would swing up


def zero_steering(episodes: TrackEpisodes) -> Act:
    """Return a driver at the log's median speed that never steers."""
    throttle = _median_throttle(episodes)
    return lambda now: np.column_stack([np.zeros(len(now.which)), throttle[now.which]])


def teacher(episodes: TrackEpisodes) -> Act:
    """Return a driver that knows pose, line and car: pure pursuit from where the car is when its command arrives."""
    throttle = _median_throttle(episodes)

    def act(now: Situation) -> np.ndarray:
        steering = episodes.vehicle.steering_for(_pursuit(episodes, now))
        return np.column_stack([steering, throttle])[now.which]

    return act


def forgetful(episodes: TrackEpisodes) -> Act:
    """Return a teacher that does not know which commands are still on their way, like a policy that sees one frame.

    It takes its own answer for them: the one arc that the car drives until the command arrives, and that leads on to
    the point LOOK_AHEAD_TIME ahead: with nearer ones it would swing. Labels that make up for commands of another driver
    would teach a bias against that driver's.
    """
    throttle, waits = _median_throttle(episodes), np.round(episodes.vehicle.delay)

    def act(now: Situation) -> np.ndarray:
        curvature = episodes.course.curvature(now.beside.at, now.beside.way)
        ahead = np.maximum(LOOK_AHEAD_TIME * now.cars.speed, LOOK_AHEAD)
        for _ in range(_ROUNDS):
            poses = moved(now.cars.poses, curvature, waits * now.cars.speed / episodes.vehicle.fps)
            curvature = curvature + _DAMPED * (_arc(episodes, poses, now.beside, ahead) - curvature)
        return np.column_stack([episodes.vehicle.steering_for(curvature), throttle])[now.which]

    return act


def _median_throttle(episodes: TrackEpisodes) -> np.ndarray:
    per_throttle = episodes.vehicle.speed_per_throttle
    wanted = float(np.median(episodes.course.driver.speed))
    return np.clip(np.divide(wanted, per_throttle, out=np.zeros(len(per_throttle)), where=per_throttle > 0), -1, 1)


def _pursuit(episodes: TrackEpisodes, now: Situation) -> np.ndarray:
    """Return (n,) 1/m of the arcs from where the newest commands arrive."""
    cars = now.cars
    poses, waits = cars.poses, np.round(episodes.vehicle.delay).astype(int)
    for k in range(1, waits.max(initial=0) + 1):
        arrived = moved(poses, cars.curvature(k), cars.speed / episodes.vehicle.fps)
        poses = np.where((k <= waits)[:, None], arrived, poses)
    return _arc(episodes, poses, now.beside, LOOK_AHEAD)


def _arc(episodes: TrackEpisodes, poses: np.ndarray, beside: Beside, look_ahead: np.ndarray | float) -> np.ndarray:
    """Return (n,) 1/m of the arcs from poses (n, 3) to the points `look_ahead` m along the line (Coulter 1992)."""
    course = episodes.course
    driven = np.linalg.norm(poses[:, :2] - course.poses(beside.at, beside.way, beside.offset)[:, :2], axis=1)
    at = course.beside(poses, course.ahead(beside.at, beside.way, driven), beside.way).at
    ahead = course.ahead(at, beside.way, look_ahead)
    # Beyond the end of an open line it goes on straight.
    target = moved(
        course.poses(ahead, beside.way), np.zeros(len(at)), look_ahead - course.gained(at, ahead, beside.way)
    )
    seen = relative(poses, target)
    return 2 * seen[:, 1] / np.maximum(np.square(seen[:, :2]).sum(1), 1e-6)
