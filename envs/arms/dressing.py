# pyright: reportAttributeAccessIssue=false
"""Appearance of an arm's table in an episode: clutter and walls."""

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.arms.scene import CLUTTER, WALLS
from envs.random import WorldRandom

SIZE, HEIGHT = (0.015, 0.06), (0.005, 0.06)  # m, half of it
NEAR, FAR = 0.4, 0.65  # m from the base: beyond where the arm works
HIDDEN = -5.0  # m, below everything
WALL = (0.35, 1.2)  # m behind and beside the base


class Dressing:
    """Places clutter on the table and moves the walls, per world.

    Args:
        scale: scale of the room.
    """

    def __init__(self, model: mujoco.MjModel, batch: Batch, scale: float) -> None:
        self._scale = scale
        self._size, self._pos, self._quat = (batch.expand(f"geom_{name}") for name in ("size", "pos", "quat"))
        self._clutter = np.array([model.geom(f"clutter{i}").id for i in range(CLUTTER)])
        self._walls = np.array([model.geom(f"wall{i}").id for i in range(WALLS)])

    def dress(self, ids: np.ndarray, random: WorldRandom) -> None:
        """Set up worlds ids (m,) for an episode."""
        u = random.uniform(ids, 7 * CLUTTER).reshape(-1, CLUTTER, 7)
        length, width = (SIZE[0] + np.ptp(SIZE) * u[..., i] for i in (0, 1))
        height = HEIGHT[0] + np.ptp(HEIGHT) * u[..., 2]
        rows = np.ix_(ids, self._clutter)
        self._size[rows] = self._scale * np.stack([length, width, height], -1)
        far, angle = NEAR + (FAR - NEAR) * u[..., 3], 2 * np.pi * u[..., 4]
        z = np.where(u[..., 6] < 0.6, height, HIDDEN)
        self._pos[rows] = self._scale * np.stack([far * np.cos(angle), far * np.sin(angle), z], -1)
        turn = np.pi * u[..., 5]
        self._quat[rows] = np.stack([np.cos(turn / 2), 0 * turn, 0 * turn, np.sin(turn / 2)], -1)
        away = self._scale * (WALL[0] + np.ptp(WALL) * random.uniform(ids, WALLS))
        self._pos[ids, self._walls[0], 0] = -away[:, 0]
        self._pos[ids, self._walls[1], 1] = away[:, 1]
