"""Meshes of one layout: what bounds and marks the way."""

import itertools
from dataclasses import dataclass

import numpy as np

from envs.lane_follow.track import Track, TrackConfig

PRINTED = ("road", "edges", "dashes")
TRACK_GEOMS = (*PRINTED, "tape", "barrier")

# m, the printed mat's layers: the ray tracer needs distinct heights, the tyres feel only the plane. A print is flat: a
# layer of 4 mm is 1.5 % nearer to a camera than the floor, and moves so much faster through its pictures.
LAYER = {"marking": 0.0001, "road": 0.0002, "edges": 0.0003, "dashes": 0.0004, "tape": 0.0004}

# Of tape lines and barriers, drawn per layout; a barrier stands at most where the next part of the way leaves room.
TAPE_WIDTH = (0.018, 0.07)  # m
BARRIER_HEIGHT = (0.03, 0.45)  # m, from a kerb to a wall above the camera
BARRIER_ASIDE = (0.52, 1.0)  # road widths from the centre line to the inner face
BARRIER_THICKNESS = 0.03  # m
_EVERY = 4  # samples of the centre line per face of a barrier: its tree of faces is searched for every ray

Mesh = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Sizes:
    """What a layout's tape line and barriers measure [m].

    Attributes:
        tape: width of the line.
        height: height of the barriers.
        aside: distance of their inner faces from the centre line.
    """

    tape: float
    height: float
    aside: float


def drawn_sizes(track: Track, config: TrackConfig) -> Sizes:
    """Draw the sizes of a layout's tape and barriers; a layout has the same ones in every set of layouts."""
    random = np.random.default_rng(int(1e6 * track.length))
    tape = random.uniform(*TAPE_WIDTH)
    height = float(np.exp(random.uniform(*np.log(BARRIER_HEIGHT))))
    near, far = np.array(BARRIER_ASIDE) * config.road_width
    most = np.clip(clearance(track, config) / 2 - BARRIER_THICKNESS, near, far)
    return Sizes(tape, height, random.uniform(near, most))


def track_meshes(track: Track, config: TrackConfig, sizes: Sizes) -> dict[str, Mesh]:
    """Return vertices (V, 3) and faces (F, 3) of one layout's TRACK_GEOMS."""
    half, line = config.road_width / 2, config.line_width / 2
    n, step = len(track.points), track.length / len(track.points)
    period, dash = (config.dash_length + config.dash_gap) / step, max(round(config.dash_length / step), 1)
    starts = np.round(np.arange(max(round(n / period), 1)) * n / max(round(n / period), 1)).astype(int)
    tape = sizes.tape / 2
    bands = {
        "road": [(half, -half, 0, None)],
        "edges": [(half + line, half - line, 0, None), (-half + line, -half - line, 0, None)],
        "dashes": [(config.dash_width / 2, -config.dash_width / 2, int(s), dash) for s in starts],
        "tape": [(tape, -tape, 0, None)],
    }
    meshes = {name: _joined([_band(track, LAYER[name], *piece) for piece in pieces]) for name, pieces in bands.items()}
    return meshes | {"barrier": _barrier(track, sizes)}


def road_mesh(track: Track, width: float, height: float) -> Mesh:
    """Return the road between its edges as a flat band at a height [m]."""
    return _band(track, height, width / 2, -width / 2)


def _joined(parts: list[Mesh]) -> Mesh:
    """Return meshes as one."""
    base = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    faces = [faces + first for (_, faces), first in zip(parts, base, strict=False)]
    return np.concatenate([vertices for vertices, _ in parts]), np.concatenate(faces)


def _band(track: Track, height: float, left: float, right: float, first: int = 0, count: int | None = None) -> Mesh:
    """Return a flat band that faces up, between two offsets (m, positive left) along the centre line."""
    n = len(track.points)
    index = np.arange(first, first + (n if count is None else count) + 1) % n
    return _ribbon(_line(track, index, left, height), _line(track, index, right, height))


def _line(track: Track, index: np.ndarray, aside: float, height: float) -> np.ndarray:
    """Return (k, 3) points beside samples of the centre line, positive to the left."""
    flat = track.points[index] + aside * track.normal[index]
    return np.concatenate([flat, np.full((len(index), 1), height)], 1)


def _ribbon(left: np.ndarray, right: np.ndarray) -> Mesh:
    """Return the faces between two lines (k, 3) of points; seen along them, they face up."""
    k = len(left)
    a = np.arange(k - 1)
    faces = np.concatenate([np.stack([a, a + k, a + k + 1], 1), np.stack([a, a + k + 1, a + 1], 1)])
    return np.concatenate([left, right]), faces


def _barrier(track: Track, sizes: Sizes) -> Mesh:
    """Return walls or kerbs on both sides of the way: inner face, top and outer face."""
    height, aside = sizes.height, sizes.aside
    index = np.append(np.arange(0, len(track.points), _EVERY), 0)
    parts = []
    for side in (1, -1):
        foot, top, back, outside = (
            _line(track, index, side * (aside + out), up)
            for out, up in ((0, 0.0), (0, height), (BARRIER_THICKNESS, height), (BARRIER_THICKNESS, 0.0))
        )
        profile = [foot, top, back, outside] if side < 0 else [outside, back, top, foot]
        parts += [_ribbon(a, b) for a, b in itertools.pairwise(profile)]
    return _joined(parts)


def clearance(track: Track, config: TrackConfig) -> float:
    """Return the smallest distance [m] between parts of the centre line that do not follow each other."""
    gap = np.linalg.norm(track.points[::4, None] - track.points[None, ::4], axis=2)
    index = np.arange(len(gap))
    along = np.abs(index[:, None] - index[None])
    along = np.minimum(along, len(index) - along) * 4 * track.length / len(track.points)
    return float(gap[along > 2 * np.pi * config.radius[0]].min(initial=np.inf))
