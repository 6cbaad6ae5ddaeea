"""Motion of the car from frame to frame, seen on the ground."""

from dataclasses import replace

import numpy as np

from sim2real.tracks.poses import compose, relative
from sim2real.tracks.rasters import Raster
from sim2real.tracks.rebuilding.drive import CLEAR, Drive
from sim2real.tracks.rebuilding.places import views_of
from sim2real.tracks.rebuilding.registration import Registration, Template, Views, register

SMOOTH = (0.02, 0.01, 0.05)  # m, m and rad between a motion and the one before; wider is led astray in corners
KEY_DISTANCE, KEY_YAW = 0.1, 0.15  # m and rad between keyframes
_TRIED = [np.array([x, 0.0, yaw]) for x in np.arange(0, 0.41, 0.08) for yaw in np.arange(-0.36, 0.37, 0.12)]
"""Motions where the last one fails: logs skip frames."""
_NEAR = [each for each in _TRIED if each[0] < 0.2 and abs(each[2]) < 0.2]  # where the one before failed, too
_ASIDE = 0.06  # m by which a car seems to slip sideways in a frame, at most
_LIKELY = 0.6  # correlation, from where on a frame says more of its motion than the one before it
_LATE = 10  # motions that are tried after a gap
_BETTER = 0.03  # correlation by which another motion than the expected one must win
_COAST = 20  # frames without a match, after which a car is taken to stand
_START = np.array([0.08, 0.0, 0.0])
_REACH, _REACH_YAW = 0.2, 0.08  # m and rad from the frame that others are registered to, from where on a later one is


def _rolls(motion: np.ndarray) -> bool:
    """Return whether a motion (3,) is one of wheels: on an arc, and not to the side."""
    return bool(abs(motion[1] - motion[0] * motion[2] / 2) < _ASIDE)


def follow(images: np.ndarray, views: Views, periods: np.ndarray | None = None) -> Drive:
    """Register every frame of an episode (n, h, w, 3) uint8 RGB to one a little before it.

    Args:
        periods: (n - 1,) by how many frames' time each frame is later than the one before; None: by one.
    """
    late = np.ones(max(len(images) - 1, 0)) if periods is None else periods
    steps, correlation, rows, kept, templates, seen_as = [], [], [], [], [], []
    motion = _Motion()
    since = np.zeros(3)
    for row, image in enumerate(images):
        if row and np.array_equal(image, images[row - 1]):
            steps.append(motion.repeated(late[row - 1]))
            correlation.append(1.0)
            continue
        seen = views.raster(image)
        template = views.template(seen)
        if row:
            step, sure = motion.onward(template, late[row - 1])
            steps.append(step)
            correlation.append(sure)
            since = compose(since, step)
        motion.passed(seen)
        if not row or np.hypot(*since[:2]) > KEY_DISTANCE or abs(since[2]) > KEY_YAW:
            rows.append(row)
            kept.append(image)
            templates.append(template)
            seen_as.append(views_of(seen).astype(np.float16))
            since = np.zeros(3)
    moved = np.array(steps).reshape(-1, 3), np.array(correlation)
    return Drive(*moved, np.array(rows), np.array(kept), templates, np.array(seen_as))


def retraced(images: np.ndarray, views: Views, steps: np.ndarray, correlation: np.ndarray, rows: np.ndarray) -> Drive:
    """Return the drive that `follow` found in an episode (n, h, w, 3), from its motion: an eighth of the work."""
    templates, seen_as = [], []
    for image in images[rows]:
        seen = views.raster(image)
        templates.append(views.template(seen))
        seen_as.append(views_of(seen).astype(np.float16))
    return Drive(steps, correlation, rows, images[rows], templates, np.array(seen_as))


class _Motion:
    """Registers frames one by one.

    What goes with the camera (the blocks of a compressed image, a dirty lens) pulls every registration towards standing
    still by about the same length: frames are registered to one some way behind, not to their neighbour.
    """

    def __init__(self) -> None:
        self._behind: Raster | None = None  # the frame that others are registered to
        self._last: Raster | None = None
        self._there = np.zeros(3)  # the last frame's pose in that one's frame
        self._guess, self._sure, self._missed = _START, CLEAR, 0
        self._begun, self._unseen = False, 0.0  # periods since the last frame that was new

    def repeated(self, periods: float) -> np.ndarray:
        """Take a frame that repeats the last one, as the camera gave no new one; return what it shows: no motion."""
        self._unseen += periods
        return np.zeros(3)

    def onward(self, template: Template, periods: float) -> tuple[np.ndarray, float]:
        """Return the motion (3,) from the last frame to one with a template, and its registration's correlation.

        Args:
            periods: of frames between both.
        """
        assert self._behind is not None and self._last is not None
        # A late frame is that much farther on: begun at the motion of one period, a registration stops half way.
        periods, self._unseen = min(periods + self._unseen, _COAST), 0.0
        expected = self._guess * (periods, 0.0, periods)
        # It may have stopped, or sped up.
        shares = np.linspace(0, periods + 1, min(int(periods) + 2, _LATE)) if periods > 1 or not self._begun else ()
        likely = [expected, *(self._guess * (share, 0.0, share) for share in shares)]
        places = [register(template, self._behind, compose(self._there, each), trusted=SMOOTH) for each in likely]
        other = max(places, key=lambda each: each.correlation)  # dashes look alike: it must be clearly better
        found = other if other.correlation > places[0].correlation + _BETTER else places[0]
        self._begun = True
        if found.correlation < CLEAR or not _rolls(relative(self._there, found.pose)):
            self._behind, self._there = self._last, np.zeros(3)
            found = self._searched(template, self._last, expected)
        step = relative(self._there, found.pose)
        # Where frames do not match the car goes on as before, for a while.
        self._missed = 0 if found.correlation >= _LIKELY and _rolls(step) else self._missed + 1
        if self._missed:
            self._guess = self._guess if self._missed < _COAST else np.zeros(3)
            step = self._guess * min(periods, _COAST - min(self._missed, _COAST - 1))
        else:
            self._guess = step / periods
        self._there, self._sure = compose(self._there, step), found.correlation
        return step, found.correlation

    def _searched(self, template: Template, last: Raster, expected: np.ndarray) -> Registration:
        found = register(template, last, expected, trusted=SMOOTH)
        if not _rolls(found.pose):  # correlation counts no more
            found = replace(found, correlation=min(found.correlation, _LIKELY))
        if found.correlation >= CLEAR:
            return found
        tried = _TRIED if self._sure >= CLEAR else _NEAR
        others = (register(template, last, each) for each in tried)
        clear = [each for each in others if each.correlation >= CLEAR and _rolls(each.pose)]
        return max((found, *clear), key=lambda each: each.correlation)

    def passed(self, seen: Raster) -> None:
        """Take a frame as the last one."""
        far = np.hypot(*self._there[:2]) > _REACH or abs(self._there[2]) > _REACH_YAW
        if self._behind is None or far or self._sure < CLEAR:
            self._behind, self._there = seen, np.zeros(3)
        self._last = seen


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
