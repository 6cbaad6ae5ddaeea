"""Frames from beside the line of a rebuilt track, labelled by a driver that knows the pose.

People drive on the line, so that their frames never show how to return to it. A rebuilt track does: cars start up to
twice the driver's spread aside and turned, the policy drives them (DAgger, Ross et al. 2011), and what it sees is
labelled with pure pursuit to the line, in the commands of the car that was measured on the log.
"""

from dataclasses import dataclass, replace

import numpy as np

from policies.policy import Policy
from sim2real.progress import Progress, silent
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.driving.controls import forgetful
from sim2real.tracks.driving.course import Course
from sim2real.tracks.driving.loop import Situation, TrackEpisodes, draw_episodes
from sim2real.tracks.driving.policy_driver import COMMANDS, policy_driver
from sim2real.tracks.rebuilt import RebuiltTrack

SPREADS = 2.0  # standard deviations of the driver's offset and heading, up to which cars start aside
FARTHEST = 1.5  # halves of the road's width, at most
STRAYED, TURNED = 0.1, np.pi / 3  # m beyond that, and rad against the line: who got there is not followed
STEPS, APART = 12, 2  # control steps of a drive, and between frames that are kept
_SEED = 7_000_000  # of the first car: laps that judge policies have others


@dataclass(frozen=True)
class Recovery:
    """n labelled frames.

    Attributes:
        images: (n, h, w, 3) uint8 RGB at the network's size.
        actions: (n, A) float32 in the order of the policy's actions; NaN but for the steering: nobody knows how fast
            the driver would have been there.
        state: (n, S) float32 the policy's state input; None if it has none.
        offset, heading: (n,) m and rad, as in Beside.
    """

    images: np.ndarray
    actions: np.ndarray
    state: np.ndarray | None
    offset: np.ndarray
    heading: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def recovery_frames(
    track: RebuiltTrack,
    policy: Policy,
    count: int,
    seed: int = 0,
    renderer: MapRenderer | None = None,
    progress: Progress = silent,
) -> Recovery:
    """Drive a policy on a rebuilt track from beside the line, and return frames that it saw with pursuit labels.

    Args:
        count: frames, at most: those of cars that strayed are left out.

    Raises:
        InputError: the log does not tell how the car steers, or nothing of it drives along the line.
    """
    renderer = renderer or MapRenderer(track)
    config, seen = policy.config, _Seen(renderer)
    episodes = _aside(track, -(-count * APART // STEPS), seed)
    pursuit, drive = forgetful(episodes), policy_driver(policy, seen)
    cars, beside, course = episodes.cars(), episodes.beside, episodes.course
    which, rows = np.arange(len(cars)), []
    for step in range(STEPS):
        now = Situation(which, np.column_stack([episodes.seeds, np.full(len(cars), step)]), cars, beside)
        command = drive(now)
        frames = seen.taken()
        if step % APART == 0:
            actions = np.full((len(cars), len(config.action_names)), np.nan, np.float32)
            actions[:, config.action_names.index(COMMANDS[0])] = pursuit(now)[:, 0]
            rows.append((config.preprocessing(frames), actions, cars.last.astype(np.float32), beside))
        cars.step(command)
        beside = course.beside(cars.poses, beside.at, beside.way)
        progress(step + 1, STEPS)
    offset, heading = (np.concatenate([getattr(row[3], name) for row in rows]) for name in ("offset", "heading"))
    images, actions, state = (np.concatenate([row[k] for row in rows]) for k in range(3))
    kept = np.flatnonzero(near(course, offset, heading))[:count]
    known = state[kept] if config.heads.state else None
    return Recovery(images[kept], actions[kept], known, offset[kept], heading[kept])


def near(course: Course, offset: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Return (n,) bool, whether cars beside the line (n,), as in Beside, have not strayed."""
    return (np.abs(offset) < FARTHEST * course.half + STRAYED) & (np.abs(heading) < TURNED)


class _Seen:
    """A renderer that keeps what it drew."""

    def __init__(self, renderer: MapRenderer) -> None:
        self._renderer, self._drawn = renderer, list[np.ndarray]()

    def frames(self, poses: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Return the frames of the renderer."""
        self._drawn.append(self._renderer.frames(poses, seeds))
        return self._drawn[-1]

    def taken(self) -> np.ndarray:
        """Return the frames since the last call."""
        drawn, self._drawn = self._drawn, []
        return np.concatenate(drawn)


def _aside(track: RebuiltTrack, count: int, seed: int) -> TrackEpisodes:
    """Return episodes that start anywhere on the line, aside and turned."""
    episodes = draw_episodes(track, count, _SEED + seed * count)
    course, random = episodes.course, np.random.default_rng([_SEED, seed])
    driver = course.driver
    frame = random.integers(len(driver.at), size=count)
    at, way = driver.at[frame], driver.way[frame]
    farthest = min(SPREADS * track.driver["std"], FARTHEST * course.half)
    turned = SPREADS * float(driver.heading.std())
    poses = course.poses(at, way, random.uniform(-farthest, farthest, count), random.uniform(-turned, turned, count))
    return replace(episodes, poses=poses, beside=course.beside(poses, at, way), speed=driver.speed[frame])
