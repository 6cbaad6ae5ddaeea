"""The motion of a car in one piece of a log."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sim2real.tracks.poses import chained, compose, relative
from sim2real.tracks.rebuilding.registration import Template

CLEAR = 0.8  # correlation, from where on a registration counts as certain


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

    def lengthened(self, scale: float) -> "Drive":
        """Return it with all lengths multiplied."""
        return replace(self, steps=self.steps * (scale, scale, 1.0))

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
