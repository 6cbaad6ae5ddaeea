"""The centre line of a rebuilt track: the middle between what is brighter than its surroundings on both sides."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from envs.lane_follow.track import Track
from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.poses import relative, wrapped

STEP = 0.02  # m between samples of the line
_SMOOTH, _EVEN = 0.3, 0.1  # m, standard deviation along the line: of the driven path, and of the line found beside it
_REACH = 0.5  # m to both sides in which the line is searched
_MEETS = 1.0  # m, between a lap's end and its beginning
_LINE = 0.02  # m, half the width of an edge line
_WIDTHS = np.arange(0.30, 0.80, 0.01)  # m between the edge lines
_TURN = 1.0  # cost of a change of the offset by one cell per sample, against the contrast of the edges


@dataclass(frozen=True)
class CentreLine(Track):
    """The centre line of a rebuilt track, sampled about every STEP in the seed's driving direction.

    Attributes:
        closed: whether its end meets its beginning.
        width: of the road between the middles of its edge lines [m]; None: none were found, and the line is the path.
        distinct: brightness of the edge lines above their surroundings, in standard deviations of the road's.
    """

    points: np.ndarray
    heading: np.ndarray
    curvature: np.ndarray
    closed: bool
    width: float | None
    distinct: float

    def beside(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the nearest sample, offset to the left [m] and heading error [rad] of cars at poses (n, 3).

        Of cars that drive against the line's direction offset and heading are those of the reversed line.
        """
        nearest = np.array([np.square(self.points - pose[:2]).sum(1).argmin() for pose in poses], int).reshape(-1)
        on_line = np.column_stack([self.points[nearest], self.heading[nearest]])
        seen = relative(on_line, poses)
        back = np.abs(seen[:, 2]) > np.pi / 2
        return nearest, np.where(back, -seen[:, 1], seen[:, 1]), wrapped(seen[:, 2] + np.pi * back)


def one_lap(path: np.ndarray, meetings: list[tuple[int, int]]) -> tuple[np.ndarray, bool]:
    """Return the part of a path (n, 3) that is one lap, and whether it closes.

    Args:
        meetings: pairs of a keyframe and the earlier or later one that was at the same place.
    """
    laps = [(max(pair) - min(pair), min(pair)) for pair in meetings if abs(pair[0] - pair[1]) > 10]
    if not laps:
        return path, False
    # A meeting may skip laps: one lap is about as long as the shortest, but a single wrong meeting is no lap.
    one = float(np.quantile([count for count, _ in laps], 0.1))
    laps = [each for each in laps if each[0] < 1.5 * one]
    count, start = sorted(laps)[len(laps) // 2]
    lap = path[start : start + count]
    # Places that meet may be some way apart: a lap that ends beyond its beginning would go back there.
    seen = relative(lap[0], lap)
    beyond = (seen[:, 0] > -2 * STEP) & (np.hypot(seen[:, 0], seen[:, 1]) < _MEETS)
    return lap[: len(lap) - int(np.argmin(beyond[::-1]))], True


def centre_line(mosaic: Mosaic, lap: np.ndarray, closed: bool) -> CentreLine:
    """Find the centre line beside a driven lap (n, 3)."""
    driven = _even(lap[:, :2], closed)
    driven = _smoothed(driven, _SMOOTH, closed)
    heading = _heading(driven, closed)
    normal = np.stack([-np.sin(heading), np.cos(heading)], 1)
    across = np.arange(-_REACH - _WIDTHS[-1] / 2, _REACH + _WIDTHS[-1] / 2 + 1e-9, mosaic.cell)
    ridges, known = _ridges(mosaic, driven[:, None] + across[None, :, None] * normal[:, None])
    offset, width, distinct = _middle(ridges * known, across, mosaic.cell, closed)
    points = driven + _smoothed(offset[:, None], _EVEN, closed) * normal
    points = _smoothed(_even(points, closed), _EVEN, closed)
    return line_through(points, closed, width, distinct)


def line_through(points: np.ndarray, closed: bool, width: float | None, distinct: float) -> CentreLine:
    """Return the line through points (P, 2) at equal distances, its curvature smoothed over 10 cm."""
    heading = _heading(points, closed)
    step = float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())
    turn = wrapped(np.diff(np.append(heading, heading[0] if closed else heading[-1])))
    curvature = gaussian_filter1d(turn / step, 0.1 / step, mode="wrap" if closed else "nearest")
    return CentreLine(points, np.unwrap(heading), curvature, step * len(points), closed, width, distinct)


def _even(points: np.ndarray, closed: bool) -> np.ndarray:
    """Return a line resampled every STEP or a little less, so that a closed one has equal steps."""
    line = np.concatenate([points, points[:1]]) if closed else points
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = max(round(along[-1] / STEP), 2)
    at = np.arange(count) * along[-1] / count
    return np.stack([np.interp(at, along, line[:, k]) for k in (0, 1)], 1)


def _smoothed(values: np.ndarray, sigma: float, closed: bool) -> np.ndarray:
    return gaussian_filter1d(values, sigma / STEP, axis=0, mode="wrap" if closed else "nearest")


def _heading(points: np.ndarray, closed: bool) -> np.ndarray:
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    if not closed:
        ahead[-1], behind[0] = points[-1], points[0]
    delta = ahead - behind
    return np.arctan2(delta[:, 1], delta[:, 0])


def _ridges(mosaic: Mosaic, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much brighter (S, C) a line's width is than both its sides, and where the map is known."""
    lab = cv2.cvtColor(mosaic.colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    place = ((at - mosaic.origin) / mosaic.cell).astype(np.float32)
    bright = cv2.remap(np.ascontiguousarray(lab[..., 0]), place[..., 1], place[..., 0], cv2.INTER_LINEAR)
    known = cv2.remap(mosaic.known.astype(np.float32), place[..., 1], place[..., 0], cv2.INTER_LINEAR) > 0.99
    cells = _LINE / mosaic.cell
    narrow, wide = (gaussian_filter1d(bright, sigma * cells, axis=1) for sigma in (0.7, 3.0))
    ridge = np.clip(narrow - wide, 0, None)
    # A line goes on: what lies across is not one.
    return gaussian_filter1d(ridge, 0.2 / STEP, axis=0), known


def _middle(
    ridges: np.ndarray, across: np.ndarray, cell: float, closed: bool
) -> tuple[np.ndarray, float | None, float]:
    """Return the offset (S,) m of the middle between two edges, their distance, and how distinct they are."""
    middles = across[np.abs(across) <= _REACH + 1e-9]
    first = int(np.searchsorted(across, middles[0] - 1e-9))
    halves = sorted({round(width / 2 / cell) for width in _WIDTHS})
    sides = [
        [ridges[:, first + side * half : first + side * half + len(middles)] for side in (-1, 1)] for half in halves
    ]
    both = [np.minimum(*each) for each in sides]
    scores = [float(each.max(1).mean()) for each in both]
    best, spread = int(np.argmax(scores)), float(np.std(ridges)) or 1.0
    distinct = scores[best] / spread
    if distinct < 1:
        return np.zeros(len(ridges)), None, distinct
    return middles[_track(both[best] / spread, closed)], float(2 * halves[best] * cell), distinct


def _track(score: np.ndarray, closed: bool) -> np.ndarray:
    """Return the column (S,) per row of the path with the highest score that moves little (dynamic programming)."""
    rows = np.concatenate([score, score]) if closed else score  # twice around: the middle of it knows both sides
    n, count = rows.shape
    moves = np.arange(-2, 3)
    total, back = rows[0].copy(), np.zeros((n, count), int)
    for t in range(1, n):
        options = np.full((len(moves), count), -np.inf)
        for m, move in enumerate(moves):
            source = np.arange(count) - move
            fits = (source >= 0) & (source < count)
            options[m, fits] = total[source[fits]] - _TURN * abs(move)
        back[t] = options.argmax(0)
        total = options.max(0) + rows[t]
    path = np.empty(n, int)
    path[-1] = total.argmax()
    for t in range(n - 1, 0, -1):
        path[t - 1] = path[t] - moves[back[t, path[t]]]
    k = len(score)
    return np.concatenate([path[k : k + k // 2], path[k // 2 : k]]) if closed else path
