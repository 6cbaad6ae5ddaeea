"""Push: move a cube onto a disc on the table, without grasping it."""

from functools import partial
from typing import ClassVar

import numpy as np

from envs.arms.scene import CUBE
from envs.arms.task import Rule, arm_task
from envs.arms.world import ArmWorld

CLOSE = 0.04  # m, between the middles
APART = (0.05, 0.14)  # m, of disc and cube at the start
AREA = ((0.16, 0.29), 0.6)  # m from the base, rad to either side, where both lie
LOST = 0.45  # m from the base


class Push(Rule):
    """Success: the cube is on the disc. Failure: it is out of reach."""

    name = "Push"
    episode_seconds = 5.0
    cube, goal, jaw = True, "disc", 0.0
    privileged_names = (
        *("cube_x", "cube_y", "cube_z", "cube_sin", "cube_cos", "cube_vx", "cube_vy", "cube_vz"),
        *("to_cube_x", "to_cube_y", "to_cube_z", "cube_to_goal_x", "cube_to_goal_y", "behind_x", "behind_y"),
    )
    label_names = ("cube_x", "cube_y", "goal_x", "goal_y", "to_cube_x", "to_cube_y", "to_cube_z")
    training: ClassVar = {"steps": 6_000_000, "gamma": 0.98, "hidden": (128, 128), "frames": 400_000}
    mask_geoms = ("cube",)

    def place(self, world: ArmWorld, ids: np.ndarray) -> None:
        cube = world.on_table(ids, *AREA)
        u = world.uniform(ids, 2 + 16)
        # The first of several places around the cube that is in the area; otherwise the one towards its middle.
        (near, outer), spread = AREA
        far = APART[0] + np.ptp(APART) * u[:, :1]
        inwards = np.arctan2(-cube[:, 1:], (near + outer) / 2 - cube[:, :1])
        angle = np.concatenate([2 * np.pi * u[:, 2:], inwards], 1)
        places = cube[:, None] + far[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        radius, bearing = np.linalg.norm(places, axis=-1), np.arctan2(places[..., 1], places[..., 0])
        inside = (radius > near) & (radius < outer) & (np.abs(bearing) < spread)
        inside[:, -1] = True
        goal = places[np.arange(len(ids)), inside.argmax(1)]
        world.place_cube(ids, np.concatenate([cube, np.full((len(ids), 1), CUBE)], 1), np.pi / 2 * u[:, 1])
        world.place_goal(ids, np.concatenate([goal, np.full((len(ids), 1), 0.001)], 1))

    def _way(self, world: ArmWorld) -> tuple[np.ndarray, np.ndarray]:
        """Return the vector from cube to goal (n, 2), and its length (n, 1)."""
        way = world.goal[:, :2] - world.cube[:, :2]
        return way, np.linalg.norm(way, axis=1, keepdims=True)

    def _behind(self, world: ArmWorld) -> np.ndarray:
        """Return (n, 3) m, the position from which the fingertips push."""
        way, length = self._way(world)
        behind = world.cube[:, :2] - 0.035 * way / np.maximum(length, 0.01)
        return np.concatenate([behind, np.full((len(way), 1), 0.015)], 1)

    def privileged(self, world: ArmWorld) -> np.ndarray:
        turn, way = 4 * world.cube_turn, self._way(world)[0]
        columns = [5 * world.cube, np.sin(turn)[:, None], np.cos(turn)[:, None], 3 * world.cube_velocity]
        columns += [10 * (world.cube - world.tool), 10 * way, 10 * (self._behind(world) - world.tool)[:, :2]]
        return np.concatenate(columns, 1)

    def labels(self, world: ArmWorld) -> np.ndarray:
        places = 5 * np.concatenate([world.cube[:, :2] - [0.2, 0], world.goal[:, :2] - [0.2, 0]], 1)
        return np.concatenate([places, 10 * (world.cube - world.tool)], 1)

    def reward(self, world: ArmWorld) -> np.ndarray:
        _, length = self._way(world)
        distance = np.maximum(length[:, 0] - 0.01, 0)
        at_cube = np.linalg.norm(self._behind(world) - world.tool, axis=1)
        done = length[:, 0] < CLOSE - 0.01
        # When the cube is there, the gripper's position does not matter.
        return (
            0.3 * np.where(done, 1, 1 - np.tanh(8 * at_cube))
            + 0.7 * (1 - np.tanh(10 * distance))
            - 10.0 * self.failed(world)
        )

    def success(self, world: ArmWorld) -> np.ndarray:
        return self._way(world)[1][:, 0] < CLOSE

    def failed(self, world: ArmWorld) -> np.ndarray:
        return (np.linalg.norm(world.cube[:, :2], axis=1) > LOST) | (world.cube[:, 2] < -0.02)


push = partial(arm_task, Push)
