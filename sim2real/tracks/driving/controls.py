"""Drivers that policies are compared with: one that never steers, and one that knows the car's pose."""

import numpy as np

from sim2real.tracks.driving.car import moved
from sim2real.tracks.driving.loop import Act, Situation, TrackEpisodes
from sim2real.tracks.poses import relative

LOOK_AHEAD = 0.5  # m


def zero_steering(episodes: TrackEpisodes) -> Act:
    """Return a driver at the log's median speed that never steers."""
    throttle = _median_throttle(episodes)
    return lambda now: np.column_stack([np.zeros(len(now.which)), throttle[now.which]])


def teacher(episodes: TrackEpisodes, look_ahead: float = LOOK_AHEAD) -> Act:
    """Return a driver that knows pose, line and car: pure pursuit from where the car is when its command arrives.

    Args:
        look_ahead: distance along the line [m] of the point that it drives to.
    """
    throttle = _median_throttle(episodes)

    def act(now: Situation) -> np.ndarray:
        steering = episodes.vehicle.steering_for(_pursuit(episodes, now, look_ahead))
        return np.column_stack([steering, throttle])[now.which]

    return act


def _median_throttle(episodes: TrackEpisodes) -> np.ndarray:
    per_throttle = episodes.vehicle.speed_per_throttle
    wanted = float(np.median(episodes.course.driver.speed))
    return np.clip(np.divide(wanted, per_throttle, out=np.zeros(len(per_throttle)), where=per_throttle > 0), -1, 1)


def _pursuit(episodes: TrackEpisodes, now: Situation, look_ahead: float) -> np.ndarray:
    """Return (n,) 1/m of the arcs to the points `look_ahead` m along the line (Coulter 1992)."""
    cars, beside, course = now.cars, now.beside, episodes.course
    poses, waits = cars.poses, np.round(episodes.vehicle.delay).astype(int)
    for k in range(1, waits.max(initial=0) + 1):
        arrived = moved(poses, cars.curvature(k), cars.speed / episodes.vehicle.fps)
        poses = np.where((k <= waits)[:, None], arrived, poses)
    at = course.beside(poses, beside.at, beside.way).at
    ahead = course.ahead(at, beside.way, look_ahead)
    # Beyond the end of an open line it goes on straight.
    target = moved(
        course.poses(ahead, beside.way), np.zeros(len(at)), look_ahead - course.gained(at, ahead, beside.way)
    )
    seen = relative(poses, target)
    return 2 * seen[:, 1] / np.maximum(np.square(seen[:, :2]).sum(1), 1e-6)
