# pyright: reportCallIssue=false
"""Closed tracks from a seed: straights and arcs around a random polygon, as on a printed mat."""

from dataclasses import dataclass, replace

import numpy as np

from envs.errors import InputError

SMOOTH = 0.1  # m along a measured line, standard deviation


@dataclass(frozen=True)
class TrackConfig:
    """Geometry shared by all layouts, in metres.

    The proportions were measured on the recordings, which have no scale: a road width of 0.5 m is assumed.

    Attributes:
        road_width: between the centres of the two white edge lines.
        extent: (min, max) mean distance of the polygon's corners from the middle of the mat.
        radius: (min, max) radius of the centre line in a corner.
        corners: (min, max) number of corners.
        points: samples of the centre line per layout.
    """

    road_width: float = 0.50
    line_width: float = 0.037
    dash_width: float = 0.029
    dash_length: float = 0.195
    dash_gap: float = 0.145
    extent: tuple[float, float] = (2.2, 4.2)
    radius: tuple[float, float] = (0.55, 4.0)
    corners: tuple[int, int] = (5, 11)
    points: int = 600


@dataclass(frozen=True)
class Track:
    """The centre line of one closed layout, sampled at equal distances in driving direction.

    Attributes:
        points: (P, 2) m.
        heading: (P,) rad, unwrapped.
        curvature: (P,) 1/m, positive to the left.
        length: m, of the closed line.
    """

    points: np.ndarray
    heading: np.ndarray
    curvature: np.ndarray
    length: float

    @property
    def normal(self) -> np.ndarray:
        """Return (P, 2) unit vectors to the left of the driving direction."""
        return np.stack([-np.sin(self.heading), np.cos(self.heading)], 1)

    @property
    def reversed(self) -> "Track":
        """Return the same line, driven the other way."""
        return Track(self.points[::-1], self.heading[::-1] + np.pi, -self.curvature[::-1], self.length)


def _fillet(corners: np.ndarray, reach: np.ndarray, spacing: float) -> np.ndarray:
    """Return a dense closed line along a polygon with corner i rounded by an arc that starts reach[i] before it."""
    pieces = []
    for before, corner, after, t in zip(np.roll(corners, 1, 0), corners, np.roll(corners, -1, 0), reach, strict=True):
        a, b = (before - corner) / np.linalg.norm(before - corner), (after - corner) / np.linalg.norm(after - corner)
        turn = np.pi - np.arccos(np.clip(a @ b, -1, 1))
        radius = t / np.tan(turn / 2)
        inward = (a + b) / np.linalg.norm(a + b)
        centre = corner + inward * np.hypot(radius, t)
        start = corner + a * t - centre
        side = np.sign(a[0] * b[1] - a[1] * b[0])  # -1 turns left, +1 right
        angle = -side * np.linspace(0, turn, max(int(radius * turn / spacing), 2))
        c, s = np.cos(angle), np.sin(angle)
        pieces.append(centre + np.stack([c * start[0] - s * start[1], s * start[0] + c * start[1]], 1))
    line = np.concatenate(pieces)
    return np.concatenate([line, line[:1]])


def _resample(line: np.ndarray, points: int) -> Track:
    """Sample a closed dense line at equal distances; curvature by central differences of the heading."""
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, distance[-1], points, endpoint=False)
    xy = np.stack([np.interp(at, distance, line[:, k]) for k in range(2)], 1)
    tangent = np.roll(xy, -1, 0) - np.roll(xy, 1, 0)
    heading = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
    total = 2 * np.pi * np.round((heading[-1] - heading[0]) / (2 * np.pi))
    ahead, behind = np.append(heading[1:], heading[0] + total), np.append(heading[-1] - total, heading[:-1])
    step = distance[-1] / points
    return Track(xy, heading, (ahead - behind) / (2 * step), float(distance[-1]))


def closed_track(points: np.ndarray) -> Track:
    """Return the closed track through measured points (P, 2) [m], its curvature smoothed over SMOOTH."""
    track = _resample(np.concatenate([points, points[:1]]), len(points))
    step = track.length / len(points)
    reach = min(int(np.ceil(4 * SMOOTH / step)), len(points))
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / SMOOTH) ** 2)
    around = np.pad(track.curvature, reach, mode="wrap")
    return replace(track, curvature=np.convolve(around, weight / weight.sum(), mode="valid"))


def _valid(track: Track, config: TrackConfig) -> bool:
    """Return whether no corner is too tight, and no two parts of the road are too close."""
    if np.abs(track.curvature).max() > 1.05 / config.radius[0]:
        return False
    step, count = track.length / len(track.points), len(track.points)
    apart = 1.3 * config.road_width
    along = np.minimum(np.arange(count), count - np.arange(count)) * step  # m, of points so many samples apart
    x, y = track.points.T
    # By hand, as this is most of the time that a task with 100 layouts takes to start.
    near = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2 <= apart**2
    first, second = np.nonzero(near)
    return bool((along[np.abs(first - second)] <= np.pi * apart / 2 + config.radius[0]).all())


def generate_track(seed: int, config: TrackConfig = TrackConfig()) -> Track:
    """Generate a closed track from a seed, clockwise or counter-clockwise.

    Raises:
        InputError: the configuration leaves no valid track (1000 candidates tried).
    """
    random = np.random.default_rng(seed)
    for _ in range(1000):
        n = int(random.integers(config.corners[0], config.corners[1] + 1))
        angle = 2 * np.pi * (np.arange(n) + random.uniform(-0.3, 0.3, n)) / n
        extent = random.uniform(*config.extent) * random.uniform(0.35, 1.25, n)
        corners = extent[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) * random.uniform(0.75, 1.3, 2)
        edge = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
        a, b = np.roll(corners, 1, 0) - corners, np.roll(corners, -1, 0) - corners
        inner = np.arccos(np.clip((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1), -1, 1))
        reach = np.exp(random.uniform(*np.log(config.radius), n)) / np.tan(inner / 2)
        # An arc takes at most 49 % of either edge, so that neighbours never meet.
        reach = np.minimum(reach, 0.49 * np.minimum(edge, np.roll(edge, 1)))
        if (reach * np.tan(inner / 2) < config.radius[0]).any() or (np.pi - inner < 0.05).any():
            continue
        track = _resample(_fillet(corners, reach, 0.01), config.points)
        if _valid(track, config):
            if random.random() < 0.5:
                return track
            return _resample(np.concatenate([track.points[::-1], track.points[-1:]]), config.points)
    raise InputError(f"no valid track for seed {seed} in 1000 tries: widen `extent` or lower `radius` in {config}")
