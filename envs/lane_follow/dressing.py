# pyright: reportAttributeAccessIssue=false
"""Appearance of a LaneFollow world in an episode: its track and clutter."""

from collections.abc import Sequence

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.lane_follow.scene import CLUTTER, MARKINGS, TRACK_GEOMS, WALLS
from envs.lane_follow.track import Track
from envs.random import WorldRandom

# Of markings, which lie flat, and of boxes: half sizes [m] and how far from the centre line [road widths].
FLAT = {"length": (0.1, 0.9), "width": (0.05, 0.5)}
TALL = {"length": (0.05, 0.4), "width": (0.05, 0.4), "height": (0.05, 0.8)}
MARKED, CLUTTERED = (0.55, 1.6), (1.3, 4.0)
HIDDEN = -5.0  # m, below everything


class Dressing:
    """Places the track's meshes, markings, clutter and walls, per world.

    Args:
        tracks: the layouts with meshes in the model.
        road_width: [m]
    """

    def __init__(self, model: mujoco.MjModel, batch: Batch, tracks: Sequence[Track], road_width: float) -> None:
        self._model, self._width = model, road_width
        self._dataid, self._size, self._pos, self._quat = (
            batch.expand(f"geom_{name}") for name in ("dataid", "size", "pos", "quat")
        )
        self._points = np.stack([track.points for track in tracks])
        self._heading = np.stack([track.heading for track in tracks])

    def dress(self, ids: np.ndarray, layout: np.ndarray, random: WorldRandom) -> None:
        """Set up worlds ids (m,) for an episode on the layouts (m,)."""
        for name in TRACK_GEOMS:
            geom = self._model.geom(name).id
            mesh = self._model.mesh(f"{name}0").id + layout * len(TRACK_GEOMS)
            # The compiler moves every mesh into its own principal frame; the geom must move the other way.
            self._dataid[ids, geom] = mesh
            self._pos[ids, geom] = self._model.mesh_pos[mesh]
            self._quat[ids, geom] = self._model.mesh_quat[mesh]
        u = random.uniform(ids, 6 * MARKINGS).reshape(-1, MARKINGS, 6)
        self._strew(ids, "marking", layout, u, MARKED, FLAT)
        u = random.uniform(ids, 6 * CLUTTER).reshape(-1, CLUTTER, 6)
        self._strew(ids, "clutter", layout, u, CLUTTERED, TALL)
        far = np.abs(self._points[layout]).max((1, 2))[:, None] + 0.6 + 3.0 * random.uniform(ids, WALLS)
        first = self._model.geom("wall0").id
        for i, (x, y) in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
            self._pos[ids, first + i, :2] = far[:, i, None] * [x, y]

    def _strew(
        self,
        ids: np.ndarray,
        kind: str,
        layout: np.ndarray,
        u: np.ndarray,
        reach: tuple[float, float],
        extent: dict[str, tuple[float, float]],
    ) -> None:
        """Place boxes of a kind beside the road, from uniform numbers u (m, k, 6); boxes on a road are hidden."""
        place, clear = self._beside(layout, u, *reach)
        first = self._model.geom(f"{kind}0").id
        rows = np.ix_(ids, np.arange(first, first + u.shape[1]))
        length, width = (low + (high - low) * u[..., 2 + i] for i, (low, high) in enumerate([*extent.values()][:2]))
        tall = "height" in extent
        low, high = extent.get("height", (0.001, 0.001))
        height = low + (high - low) * u[..., 4]
        self._size[rows] = np.stack([length, width, height], -1)
        above = np.where(clear, height if tall else 0.0, HIDDEN)
        self._pos[rows] = np.concatenate([place, above[..., None]], -1)
        angle = np.pi * u[..., 5]
        self._quat[rows] = np.stack([np.cos(angle / 2), 0 * angle, 0 * angle, np.sin(angle / 2)], -1)

    def _beside(self, layout: np.ndarray, u: np.ndarray, near: float, far: float) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (m, k, 2), near to far road widths from the centre line, and whether each is off road."""
        points = self._points.shape[1]
        at = (u[..., 0] * points).astype(int)
        heading = self._heading[layout[:, None], at]
        side = np.where(u[..., 1] < 0.5, -1, 1) * (near + (far - near) * (2 * u[..., 1] % 1)) * self._width
        place = self._points[layout[:, None], at] + side[..., None] * np.stack([-np.sin(heading), np.cos(heading)], -1)
        gap = np.linalg.norm(place[:, :, None] - self._points[layout][:, None, ::4], axis=-1).min(-1)
        return place, gap > near * self._width * 0.95
