"""Trials on a robot, driven again on its rebuilt track from the place where each began.

A trial's first frames are found on the map as a log's held-out frames are. So every real trial has a simulated twin:
pairs from which many simulated trials sharpen the rate of few real ones (SureSim, Badithela et al. 2025, 2510.04354).
"""

from dataclasses import replace

import numpy as np

from policies.policy import Policy
from sim2real.datasets import Episode, EpisodeDataset
from sim2real.errors import InputError
from sim2real.progress import Progress, silent
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.driving.loop import TrackEpisodes, draw_episodes, drive
from sim2real.tracks.driving.policy_driver import policy_driver
from sim2real.tracks.ground import GroundView
from sim2real.tracks.poses import compose, inverse, wrapped
from sim2real.tracks.rasters import Raster
from sim2real.tracks.rebuilding.footage import periods_of
from sim2real.tracks.rebuilding.localization import localized
from sim2real.tracks.rebuilding.odometry import follow
from sim2real.tracks.rebuilding.placed import places_along
from sim2real.tracks.rebuilding.places import Places
from sim2real.tracks.rebuilding.registration import Views
from sim2real.tracks.rebuilt import RebuiltTrack

SECONDS = 4.0  # of a trial from its beginning, by which its start is found
AT_ONCE = 0.25  # s from its beginning, whose motion is its first speed
FEWEST = 5  # frames


def localized_starts(track: RebuiltTrack, trials: EpisodeDataset, progress: Progress = silent) -> np.ndarray:
    """Return where each of n trials began: (n, 4) x, y [m], yaw [rad] on the map and speed [m/s]; NaN: not found.

    Raises:
        InputError: frames of another size than those that the track was made of.
    """
    camera, size = trials.camera(), track.mount.camera
    height, width = trials.features[camera].shape[:2]
    if (width, height) != (size.width, size.height):
        raise InputError(
            f"{trials.root} has frames of {width}x{height}, {track.folder} was made of {size.width}x{size.height}"
        )
    views = Views(GroundView(track.mount))
    ground = track.mosaic.raster()
    places = places_along(np.stack([track.poses[name] for name in ("x", "y", "yaw")], 1), ground)
    starts = np.full((len(trials), 4), np.nan)
    for k, episode in enumerate(trials):
        starts[k] = _start(episode, camera, trials.fps, views, places, ground)
        progress(k + 1, len(trials))
    return starts


def _start(episode: Episode, camera: str, fps: float, views: Views, places: Places, ground: Raster) -> np.ndarray:
    rows = np.arange(min(len(episode), round(SECONDS * fps)))
    if len(rows) < FEWEST:
        return np.full(4, np.nan)
    drive_ = follow(episode.images(camera, rows), views, periods_of(episode, fps)[: len(rows) - 1])
    found = localized(drive_, places, ground)
    if not found:
        return np.full(4, np.nan)
    key = min(found)  # odometry from a later one would add its own errors
    pose = compose(found[key].pose, inverse(drive_.path[key]))
    speed = np.hypot(*drive_.steps[: max(round(AT_ONCE * fps), 1), :2].T).mean() * fps
    return np.append(pose, speed)


def drive_twins(
    track: RebuiltTrack, policy: Policy, starts: np.ndarray, seconds: float, seed: int, progress: Progress = silent
) -> np.ndarray:
    """Return (n,) bool, whether a policy stays on the rebuilt road for so long from starts (n, 4).

    Args:
        seed: of the cars, which are drawn from what the log measured.
    """
    episodes = draw_episodes(track, len(starts), seed)
    course = episodes.course
    at, _, _ = course.line.beside(starts[:, :3])
    way = np.where(np.abs(wrapped(starts[:, 2] - course.line.heading[at])) > np.pi / 2, -1, 1)
    beside = course.beside(starts[:, :3], at, way)
    begun = replace(episodes, poses=starts[:, :3].copy(), beside=beside, speed=starts[:, 3].copy())
    return _stayed(track, policy, begun, seconds, progress)


def drive_further(
    track: RebuiltTrack,
    policy: Policy,
    count: int,
    seconds: float,
    seed: int,
    speed: float,
    progress: Progress = silent,
) -> np.ndarray:
    """Return (count,) bool, the same from starts that are drawn from the log's frames, with a first speed [m/s]."""
    episodes = draw_episodes(track, count, seed)
    begun = replace(episodes, speed=np.full(count, speed))
    return _stayed(track, policy, begun, seconds, progress)


def _stayed(
    track: RebuiltTrack, policy: Policy, episodes: TrackEpisodes, seconds: float, progress: Progress
) -> np.ndarray:
    steps = max(round(seconds * track.fps), 1)
    laps = drive(policy_driver(policy, MapRenderer(track)), episodes, progress, steps)
    return ~np.isin(np.arange(len(episodes.seeds)), laps.out_lap)
