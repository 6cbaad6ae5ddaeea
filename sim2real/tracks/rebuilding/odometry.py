"""Motion of the car from frame to frame, seen on the ground."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sim2real.tracks.poses import chained, compose, relative
from sim2real.tracks.rebuilding.places import views_of
from sim2real.tracks.rebuilding.registration import Raster, Template, Views, register

CLEAR = 0.8  # correlation, from where on a registration counts as certain
SMOOTH = (0.02, 0.01, 0.05)  # m, m and rad, by which a frame's motion differs from the one before
KEY_DISTANCE, KEY_YAW = 0.1, 0.15  # m and rad between keyframes
_TRIED = [np.array([x, 0.0, yaw]) for x in np.arange(0, 0.41, 0.08) for yaw in np.arange(-0.36, 0.37, 0.12)]
"""Motions where the last one fails: logs skip frames."""
_NEAR = [each for each in _TRIED if each[0] < 0.2 and abs(each[2]) < 0.2]  # where the one before failed, too
_ASIDE = 0.06  # m by which a car seems to slip sideways in a frame, at most
_LIKELY = 0.6  # correlation, from where on a frame says more of its motion than the one before it
_COAST = 20  # frames without a match, after which a car is taken to stand
_START = np.array([0.08, 0.0, 0.0])


@dataclass(frozen=True)
class Drive:
    """One episode's motion, by n frames and m keyframes.

    Attributes:
        steps: (n - 1, 3) pose of each next frame in the frame before it.
        correlation: (n - 1,) of these registrations.
        rows: (m,) frames that are keyframes; the first one is.
        images: (m, h, w, 3) uint8 RGB, these.
        templates: of the keyframes.
        views: (m, O, D) float16, what the keyframes look like, see `views_of`.
    """

    steps: np.ndarray
    correlation: np.ndarray
    rows: np.ndarray
    images: np.ndarray
    templates: list[Template]
    views: np.ndarray

    def __len__(self) -> int:
        return len(self.steps) + 1

    @cached_property
    def every(self) -> np.ndarray:
        """Return (n, 3) poses of all frames relative to the first one, by odometry alone."""
        return chained(self.steps)

    @cached_property
    def path(self) -> np.ndarray:
        """Return (m, 3) those of the keyframes."""
        return self.every[self.rows]

    def turned(self, scale: float) -> "Drive":
        """Return it with all turns multiplied."""
        return replace(self, steps=self.steps * (1.0, 1.0, scale))

    def following(self, key: int) -> np.ndarray:
        """Return the frames from a keyframe on to the next one."""
        last = self.rows[key + 1] if key + 1 < len(self.rows) else len(self)
        return np.arange(int(self.rows[key]), int(last))

    def laid(self, keys: np.ndarray, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames (n,) from some keyframes (m,) on to their next ones, and their poses (n, 3) on a map.

        Args:
            poses: (m, 3) map_from_car of the keyframes.
        """
        rows = [self.following(int(key)) for key in keys]
        parts = [
            compose(pose, relative(self.every[each[0]], self.every[each]))
            for each, pose in zip(rows, poses, strict=True)
        ]
        return np.concatenate([*rows, np.zeros(0, int)]), np.concatenate([*parts, np.zeros((0, 3))])

    @cached_property
    def travelled(self) -> np.ndarray:
        """Return (m,) m driven until each keyframe, as far as it was seen."""
        seen = np.hypot(self.steps[:, 0], self.steps[:, 1]) * (self.correlation >= CLEAR)
        driven = np.concatenate([[0.0], np.cumsum(seen)])
        return driven[self.rows]

    @cached_property
    def vague(self) -> np.ndarray:
        """Return (m - 1,) bool, whether a registration failed between neighbouring keyframes."""
        failed = np.concatenate([[0], np.cumsum(self.correlation < CLEAR)])
        return np.asarray(np.diff(failed[self.rows]) > 0)


def rolls(motion: np.ndarray) -> bool:
    """Return whether a motion (3,) is one of wheels: on an arc, and not to the side."""
    return bool(abs(motion[1] - motion[0] * motion[2] / 2) < _ASIDE)


def follow(images: np.ndarray, views: Views) -> Drive:
    """Register every frame of an episode (n, h, w, 3) uint8 RGB to the one before it."""
    steps, correlation, rows, kept, templates, seen_as = [], [], [], [], [], []
    last: Raster | None = None
    guess, since, missed = _START, np.zeros(3), 0
    for row, image in enumerate(images):
        seen = views.raster(image)
        template = views.template(seen)
        if last is not None:
            found = register(template, last, guess * (1.0, 0.0, 1.0), trusted=SMOOTH)
            if found.correlation < CLEAR:
                tried = _TRIED if not correlation or correlation[-1] >= CLEAR else _NEAR
                others = (register(template, last, each) for each in tried)
                clear = [each for each in others if each.correlation >= CLEAR and rolls(each.pose)]
                found = max((found, *clear), key=lambda each: each.correlation)
            # Where frames do not match the car goes on as before, for a while.
            missed = 0 if found.correlation >= _LIKELY else missed + 1
            guess = found.pose if not missed else guess if missed < _COAST else np.zeros(3)
            steps.append(guess)
            correlation.append(found.correlation)
            since = compose(since, guess)
        if last is None or np.hypot(*since[:2]) > KEY_DISTANCE or abs(since[2]) > KEY_YAW:
            rows.append(row)
            kept.append(image)
            templates.append(template)
            seen_as.append(views_of(seen).astype(np.float16))
            since = np.zeros(3)
        last = seen
    motion = np.array(steps).reshape(-1, 3), np.array(correlation)
    return Drive(*motion, np.array(rows), np.array(kept), templates, np.array(seen_as))


def joined(first: Drive, second: Drive, views: Views) -> Drive:
    """Return one drive of two, the second of which begins with the frame after the first one's last."""
    last = first.rows[-1]
    onward = relative(first.every[last], compose(first.every[-1], first.steps[-1]))
    found = register(second.templates[0], views.raster(first.images[-1]), onward)
    pose = found.pose if found.correlation >= CLEAR else onward
    link = relative(relative(first.every[last], first.every[-1]), pose)
    return Drive(
        np.concatenate([first.steps, link[None], second.steps]),
        np.concatenate([first.correlation, [found.correlation], second.correlation]),
        np.concatenate([first.rows, second.rows + len(first)]),
        np.concatenate([first.images, second.images]),
        first.templates + second.templates,
        np.concatenate([first.views, second.views]),
    )
