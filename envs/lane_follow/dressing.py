# pyright: reportAttributeAccessIssue=false
"""Appearance of a LaneFollow world in an episode: its track and clutter."""

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.lane_follow.meshes import LAYER, TRACK_GEOMS
from envs.lane_follow.places import STRUCTURE, visible
from envs.lane_follow.scene import CLUTTER, HIDDEN, LAMPS, MARKINGS, WALLS
from envs.lane_follow.track import Track
from envs.random import WorldRandom

# Of markings, which lie flat, and of boxes: half sizes [m] and how far from the centre line [road widths].
FLAT = {"length": (0.1, 0.9), "width": (0.05, 0.5)}
TALL = {"length": (0.05, 0.4), "width": (0.05, 0.4), "height": (0.05, 0.8)}
MARKED, CLUTTERED = (0.55, 1.6), (1.3, 4.0)
# Windows on the walls and lamps at the ceiling, which glossy floors mirror, and the sun's patch on the floor.
WINDOW = {"half_width": (0.4, 1.5), "half_height": (0.4, 0.8), "middle": (1.1, 1.8)}  # m
LAMP = {"half_length": (0.2, 0.8), "half_width": (0.1, 0.3), "height": (1.8, 3.0)}  # m
PATCH_HEIGHT = (0.6, 3.0)  # m of the spotlight above the floor, in proportion to the patch's size
PATCH_TILT = 0.5  # largest x or y of its direction


class Dressing:
    """Places the track's meshes, markings, clutter, walls, lamps and daylight, per world.

    Args:
        tracks: the layouts with meshes in the model.
        road_width: [m]
        structure: (n, 1) arrays, as named in STRUCTURE.
        printed: whether the tracks are drawn with meshes, and markings beside them; else the ground is a picture.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        batch: Batch,
        tracks: Sequence[Track],
        road_width: float,
        structure: Mapping[str, np.ndarray],
        printed: bool = True,
    ) -> None:
        self._model, self._width, self._batch, self._printed = model, road_width, batch, printed
        self._structure = {name: structure[name] for name in STRUCTURE}
        self._dataid, self._size, self._pos, self._quat = (
            batch.expand(f"geom_{name}") for name in ("dataid", "size", "pos", "quat")
        )
        self._points = np.stack([track.points for track in tracks])
        self._heading = np.stack([track.heading for track in tracks])
        self._normal = np.stack([track.normal for track in tracks])

    def dress(self, ids: np.ndarray, layout: np.ndarray, random: WorldRandom) -> None:
        """Set up worlds ids (m,) for an episode on the layouts (m,)."""
        if self._printed:
            self._print(ids, layout)
        u = random.uniform(ids, 6 * MARKINGS).reshape(-1, MARKINGS, 6)
        self._strew(ids, "marking", layout, u, MARKED, FLAT)
        if not self._printed:  # they would cover what was recorded
            first = self._model.geom("marking0").id
            self._pos[ids, first : first + MARKINGS, 2] = HIDDEN
        u = random.uniform(ids, 6 * CLUTTER).reshape(-1, CLUTTER, 6)
        self._strew(ids, "clutter", layout, u, CLUTTERED, TALL)
        far = np.abs(self._points[layout]).max((1, 2))[:, None] + 0.6 + 3.0 * random.uniform(ids, WALLS)
        first = self._model.geom("wall0").id
        for i, (x, y) in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
            self._pos[ids, first + i, :2] = far[:, i, None] * [x, y]
        # Drawn only where there are any: other worlds' numbers stay what they were.
        self._light_up(ids, far, random)
        self._shine_in(ids, layout, random)

    def _print(self, ids: np.ndarray, layout: np.ndarray) -> None:
        """Place the layouts' meshes."""
        there = visible(self._structure["place"][ids, 0])
        for k, name in enumerate(TRACK_GEOMS):
            geom = self._model.geom(name).id
            mesh = self._model.mesh(f"{name}0").id + layout * len(TRACK_GEOMS)
            # The compiler moves every mesh into its own principal frame; the geom must move the other way.
            self._dataid[ids, geom] = mesh
            self._pos[ids, geom] = self._model.mesh_pos[mesh]
            self._pos[ids[~there[:, k]], geom, 2] = HIDDEN
            self._quat[ids, geom] = self._model.mesh_quat[mesh]

    def _light_up(self, ids: np.ndarray, far: np.ndarray, random: WorldRandom) -> None:
        """Place windows, on the walls at distances far (m, WALLS), and lamps: every other one is a window."""
        first = self._model.geom("lamp0").id
        count = self._structure["lamps"][ids, 0]
        self._pos[ids, first : first + LAMPS, 2] = HIDDEN
        lit = np.flatnonzero(count >= 0.5)
        if not len(lit):
            return
        ids, far, count = ids[lit], far[lit], count[lit]
        u = random.uniform(ids, 5 * LAMPS).reshape(-1, LAMPS, 5)
        for k in range(LAMPS):
            a, b, c = (low + (high - low) * u[:, k, j] for j, (low, high) in enumerate((WINDOW, LAMP)[k % 2].values()))
            along = (2 * u[:, k, 3] - 1) * far.min(1)
            if k % 2:
                across = (2 * u[:, k, 4] - 1) * far.min(1)
                size, at = np.stack([a, b, np.full(len(ids), 0.02)], 1), np.stack([along, across, c], 1)
            else:
                wall = (u[:, k, 4] * WALLS).astype(int)
                turn = wall % 2 == 1  # the wall is across y
                out = (far[np.arange(len(ids)), wall] - 0.06) * np.where(wall < 2, 1, -1)
                size = np.where(turn[:, None], np.stack([a, 0 * a + 0.02, b], 1), np.stack([0 * a + 0.02, a, b], 1))
                at = np.where(turn[:, None], np.stack([along, out, c], 1), np.stack([out, along, c], 1))
            on = k < np.round(count)
            self._size[ids[on], first + k], self._pos[ids[on], first + k] = size[on], at[on]

    def _shine_in(self, ids: np.ndarray, layout: np.ndarray, random: WorldRandom) -> None:
        """Place the patch of daylight beside the centre line, or switch it off."""
        sunny = self._structure["daylight"][ids, 0] > 0.5
        light = self._model.light("daylight").id
        self._batch.expand("light_active")[ids, light] = sunny
        if not sunny.any():
            return
        ids, layout = ids[sunny], layout[sunny]
        u = random.uniform(ids, 5)
        at = (u[:, 0] * self._points.shape[1]).astype(int)
        tilt = PATCH_TILT * (2 * u[:, 1:3] - 1)
        height = PATCH_HEIGHT[0] + np.ptp(PATCH_HEIGHT) * u[:, 3]
        beside = self._width * (2 * u[:, 4] - 1)[:, None] * self._normal[layout, at]
        direction = np.concatenate([tilt, np.full((len(ids), 1), -1.0)], 1)
        self._batch.expand("light_dir")[ids, light] = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        aim = self._points[layout, at] + beside - tilt * height[:, None]
        self._batch.expand("light_pos")[ids, light] = np.concatenate([aim, height[:, None]], 1)

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
        low, high = extent.get("height", (LAYER["marking"], LAYER["marking"]))
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
