"""Lift: grasp a cube and hold it in the air."""

from functools import partial
from typing import ClassVar

import numpy as np

from envs.arms.scene import CUBE
from envs.arms.task import Rule, arm_task
from envs.arms.world import ArmWorld

HIGH = 0.05  # m, that the cube is above the table
UP = 0.09  # m, that earns most
AREA = ((0.17, 0.28), 0.6)  # m from the base, rad to either side
HELD, FIRM = 0.025, 0.05  # m from between the fingers; rad that the jaw is told to close further
LOST = 0.45  # m from the base


class Lift(Rule):
    """Success: the cube is 5 cm above the table at the end. Failure: it is out of reach."""

    name = "Lift"
    episode_seconds = 5.0
    cube, jaw, grasps = True, 0.9, True
    privileged_names = (
        *("cube_x", "cube_y", "cube_z", "cube_sin", "cube_cos", "cube_vx", "cube_vy", "cube_vz"),
        *("to_cube_x", "to_cube_y", "to_cube_z", "jaw"),
    )
    label_names = ("cube_x", "cube_y", "cube_z", "to_cube_x", "to_cube_y", "to_cube_z")
    training: ClassVar = {"steps": 5_000_000, "gamma": 0.98, "hidden": (128, 128)}
    mask_geoms = ("cube",)

    def place(self, world: ArmWorld, ids: np.ndarray) -> None:
        cube = world.on_table(ids, *AREA)
        turn = np.pi / 2 * world.uniform(ids, 1)[:, 0]
        world.place_cube(ids, np.concatenate([cube, np.full((len(ids), 1), CUBE)], 1), turn)

    def privileged(self, world: ArmWorld) -> np.ndarray:
        turn = 4 * world.cube_turn
        columns = [5 * world.cube, np.sin(turn)[:, None], np.cos(turn)[:, None], 3 * world.cube_velocity]
        return np.concatenate([*columns, 10 * (world.cube - world.grasp), world.position[:, -1:]], 1)

    def labels(self, world: ArmWorld) -> np.ndarray:
        return np.concatenate([5 * (world.cube - [0.2, 0, 0.0]), 10 * (world.cube - world.grasp)], 1)

    def reward(self, world: ArmWorld) -> np.ndarray:
        distance = np.linalg.norm(world.cube - world.grasp, axis=1)
        height = np.clip((world.cube[:, 2] - CUBE) / UP, 0, 1)
        near = 1 - np.tanh(8 * distance)
        down = np.clip(-world.tool_axis[:, 2], 0, 1)
        held = (distance < HELD) & (world.squeeze > FIRM)
        # No reward for a cube that is thrown into the air.
        return 0.2 * near + 0.05 * down + 0.15 * held + 0.6 * height * (distance < HELD) - 10.0 * self.failed(world)

    def success(self, world: ArmWorld) -> np.ndarray:
        return world.cube[:, 2] - CUBE > HIGH

    def failed(self, world: ArmWorld) -> np.ndarray:
        return (np.linalg.norm(world.cube[:, :2], axis=1) > LOST) | (world.cube[:, 2] < -0.02)


lift = partial(arm_task, Lift)
