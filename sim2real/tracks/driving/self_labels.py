"""Steering labels for the log of a rebuilt track: every frame's own pose instead of the driver's command."""

from dataclasses import replace

import numpy as np

from sim2real.tracks.driving.controls import forgetful
from sim2real.tracks.driving.course import Course
from sim2real.tracks.driving.loop import Situation, draw_episodes
from sim2real.tracks.driving.recovery import near
from sim2real.tracks.rebuilt import RebuiltTrack

_SEED = 8_000_000  # of the first frame's car


def self_labels(track: RebuiltTrack, episode: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return (n,) steering that takes the measured car back to the line (pure pursuit) from where frames were taken.

    NaN where a frame has no place on the map, its speed is not known or 0, or it is astray.

    Args:
        episode: (n,) index of the frames' episodes in the dataset.
        row: (n,) index in the episode.

    Raises:
        InputError: the log does not tell how the car steers, or nothing of it drives along the line.
    """
    columns, course = track.poses, Course(track)
    driver, count = course.driver, len(course.driver.rows)
    episodes = draw_episodes(track, count, _SEED)
    poses = np.stack([columns[name][driver.rows] for name in ("x", "y", "yaw")], 1)
    beside = course.beside(poses, driver.at, driver.way)
    placed = replace(episodes, poses=poses, beside=beside, speed=driver.speed)
    unused = np.zeros((count, 2), int)  # seeds of frames: none is drawn
    steering = forgetful(placed)(Situation(np.arange(count), unused, placed.cars(), beside))[:, 0]
    steering = np.where(near(course, beside.offset, beside.heading), steering, np.nan)
    pairs = zip(*(columns[name][driver.rows].tolist() for name in ("episode_index", "frame_index")), strict=True)
    known = dict(zip(pairs, steering, strict=True))
    return np.array([known.get(pair, np.nan) for pair in zip(episode.tolist(), row.tolist(), strict=True)])
