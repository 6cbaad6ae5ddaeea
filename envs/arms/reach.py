"""Reach: bring the fingertips to a ball in the air."""

from functools import partial
from typing import ClassVar

import numpy as np

from envs.arms.scene import BALL
from envs.arms.task import Rule, arm_task
from envs.arms.world import ArmWorld

CLOSE = BALL + 0.01  # m, from its middle


class Reach(Rule):
    """The ball is 0.16 to 0.3 m from the base, 3 to 20 cm above the table.

    Success: the fingertip is in it, or within a centimetre.
    """

    name = "Reach"
    episode_seconds = 3.0
    goal = "ball"
    privileged_names = ("goal_x", "goal_y", "goal_z", "to_goal_x", "to_goal_y", "to_goal_z")
    label_names = ("goal_x", "goal_y", "goal_z", "to_goal_x", "to_goal_y", "to_goal_z")
    training: ClassVar = {"steps": 1000000}
    mask_geoms = ("goal",)

    def place(self, world: ArmWorld, ids: np.ndarray) -> None:
        place = world.on_table(ids, (0.16, 0.3), 0.8)
        height = 0.03 + 0.17 * world.uniform(ids, 1)
        world.place_goal(ids, np.concatenate([place, height], 1))

    def privileged(self, world: ArmWorld) -> np.ndarray:
        return np.concatenate([5 * world.goal, 10 * (world.goal - world.tool)], 1)

    def labels(self, world: ArmWorld) -> np.ndarray:
        return np.concatenate([5 * (world.goal - [0.2, 0, 0.1]), 10 * (world.goal - world.tool)], 1)

    def _distance(self, world: ArmWorld) -> np.ndarray:
        return np.linalg.norm(world.goal - world.tool, axis=1)

    def reward(self, world: ArmWorld) -> np.ndarray:
        distance = self._distance(world)
        return 1 - np.tanh(5 * distance) - 0.5 * np.tanh(30 * distance)

    def success(self, world: ArmWorld) -> np.ndarray:
        return self._distance(world) < CLOSE


reach = partial(arm_task, Reach)
