"""Simulated worlds: models, tasks, randomization, cameras, batched physics and rendering.

Importing this package registers the tasks by the names of their factories, here and with gymnasium. The names below are
imported when they are first used: MuJoCo and Warp take seconds to import.
"""

import importlib
from typing import TYPE_CHECKING, Any

from envs.registry import make_task, pinned, register_gymnasium, register_task, task_names

if TYPE_CHECKING:
    from envs.arms.task import ArmConfig, ArmTask, Rule, arm_task
    from envs.batch_env import BatchEnv
    from envs.camera import Camera
    from envs.lane_follow.task import LaneFollow
    from envs.randomization import Randomization, Vary
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
    "pinned",
    "register_gymnasium",
    "register_task",
    "task_names",
]

_HOMES = {
    "arms.task": ("ArmConfig", "ArmTask", "Rule", "arm_task"),
    "batch_env": ("BatchEnv",),
    "camera": ("Camera",),
    "lane_follow.task": ("LaneFollow",),
    "randomization": ("Randomization", "Vary"),
    "sensor": ("Sensor", "SensorConfig"),
    "single_env": ("SingleEnv",),
    "task": ("Task", "TaskSpec"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"envs.{home}"), name)
    raise AttributeError(f"module 'envs' has no attribute {name!r}")


register_task("LaneFollow", "envs.lane_follow.task:lane_follow")
register_task("Reach", "envs.arms.reach:reach")
register_task("Push", "envs.arms.push:push")
register_task("Lift", "envs.arms.lift:lift")
for _name in task_names():
    register_gymnasium(_name)
