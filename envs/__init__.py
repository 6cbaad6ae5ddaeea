"""Simulated worlds: models, tasks, randomization, cameras, batched physics and rendering."""

from functools import partial
from typing import Any

import gymnasium

from envs.arms.lift import Lift
from envs.arms.push import Push
from envs.arms.reach import Reach
from envs.arms.task import ArmConfig, ArmTask, Rule, arm_task
from envs.batch_env import BatchEnv
from envs.camera import Camera
from envs.lane_follow.task import LaneFollow, lane_follow
from envs.randomization import Randomization, Vary
from envs.registry import make_task, register_task, task_names
from envs.sensor import Sensor, SensorConfig
from envs.single_env import SingleEnv
from envs.task import Task, TaskSpec

__all__ = [
    "ArmConfig",
    "ArmTask",
    "BatchEnv",
    "Camera",
    "LaneFollow",
    "Randomization",
    "Rule",
    "Sensor",
    "SensorConfig",
    "SingleEnv",
    "Task",
    "TaskSpec",
    "Vary",
    "arm_task",
    "make_task",
    "register_gymnasium",
    "register_task",
    "task_names",
]


def _single(task: str, render_mode: str | None = None, split: str = "train", **options: Any) -> SingleEnv:
    return SingleEnv(BatchEnv(make_task(task, split), 1, threads=1, **options), render_mode)


def _many(task: str, num_envs: int = 1, split: str = "train", **options: Any) -> BatchEnv:
    return BatchEnv(make_task(task, split), num_envs, **options)


def register_gymnasium(name: str) -> None:
    """Make a registered task known to gymnasium.make and make_vec as `sim2real/NAME-v0`; options are BatchEnv's."""
    gymnasium.register(
        f"sim2real/{name}-v0",
        entry_point=partial(_single, name),
        vector_entry_point=partial(_many, name),
        # The episode's own time limit truncates it.
        order_enforce=True,
    )


register_task("LaneFollow", lane_follow)
for _rule in (Reach, Push, Lift):
    register_task(_rule.name, partial(arm_task, _rule))
for _name in task_names():
    register_gymnasium(_name)
