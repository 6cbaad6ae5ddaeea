"""Tasks of an arm: the arm's world, and a rule that defines start, reward and success."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.arms.arm import Arm
from envs.arms.control import MODES, JointControl
from envs.arms.menagerie import find_arm
from envs.arms.scene import FRONT, WRIST, FixedCamera, build_model
from envs.arms.so101 import SO101
from envs.arms.world import ArmWorld
from envs.errors import InputError
from envs.random import WorldRandom
from envs.randomization import Randomization
from envs.task import Task, TaskSpec

CONTROL_DT = 1 / 30  # s, as people record
_HERE = Path(__file__).parent
PRESETS = {"none": Randomization()} | {
    name: Randomization(Randomization.load(_HERE / f"{name}.toml").varied, name)
    for name in ("default", "wide", "rehearsal")
}


class Rule(abc.ABC):
    """Definition of an arm's task: start positions, reward, success and failure.

    Attributes:
        name: name of the task.
        episode_seconds: length of an episode [s].
        cube: whether there is a cube.
        goal: "ball" or "disc" if there is a goal.
        jaw: gripper angle at the start [rad].
        grasps: whether the task needs fingers.
        privileged_names: names of the values that `privileged` adds to the arm's.
        label_names: auxiliary labels.
        mask_geoms: geoms of the mask label.
        training: training settings that differ from the defaults, by the names of `TeacherConfig` and
            `DistillationConfig`.
    """

    name: str
    episode_seconds: float
    cube: bool = False
    goal: str | None = None
    jaw: float = 0.0
    grasps: bool = False
    privileged_names: tuple[str, ...]
    label_names: tuple[str, ...]
    mask_geoms: tuple[str, ...]
    training: ClassVar[Mapping[str, Any]] = {}

    @abc.abstractmethod
    def place(self, world: ArmWorld, ids: np.ndarray) -> None:
        """Put cube and goal at their start positions in worlds ids (m,)."""

    @abc.abstractmethod
    def privileged(self, world: ArmWorld) -> np.ndarray:
        """Return (n, len(privileged_names)) values, scaled to about 1."""

    @abc.abstractmethod
    def labels(self, world: ArmWorld) -> np.ndarray:
        """Return (n, len(label_names)) labels, scaled to about 1."""

    @abc.abstractmethod
    def reward(self, world: ArmWorld) -> np.ndarray:
        """Return (n,) rewards per step, about 1 at the goal."""

    @abc.abstractmethod
    def success(self, world: ArmWorld) -> np.ndarray:
        """Return (n,) bool, whether the task is solved."""

    def failed(self, world: ArmWorld) -> np.ndarray:
        """Return (n,) bool, whether the task can no longer be solved."""
        return np.zeros(len(world.tool), bool)


@dataclass(frozen=True)
class ArmConfig:
    """Settings of an arm's worlds.

    Attributes:
        arm: the arm.
        actions: "delta" or "absolute" joint targets.
        front: the fixed camera.
        seconds: length of an episode [s], in place of the rule's.
    """

    arm: Arm = SO101
    actions: str = "delta"
    front: FixedCamera = FRONT
    seconds: float | None = None


class ArmTask(Task):
    """The task of a rule with an arm; actions are joint targets, see `JointControl`."""

    def __init__(self, rule: Rule, config: ArmConfig = ArmConfig()) -> None:
        self.rule, self.config, arm = rule, config, config.arm
        if rule.grasps and not arm.fingers:
            raise InputError(f"{rule.name} needs an arm with known fingers: {arm.name} has none")
        self.model = build_model(arm, front=config.front, cube=rule.cube, goal=rule.goal)
        limits = np.array([self.model.joint(name).range for name in arm.joints])
        self.control = JointControl(limits[:, 0], limits[:, 1], config.actions)
        wrist = {} if arm.wrist is None else {"wrist": WRIST}
        self.spec = TaskSpec(
            name=rule.name,
            control_dt=CONTROL_DT,
            episode_seconds=config.seconds or rule.episode_seconds,
            action_names=arm.joints,
            state_names=(*arm.joints, *(f"{joint}_lag" for joint in arm.joints)),
            privileged_names=(
                *(f"{kind}_{joint}" for kind in ("position", "lag", "velocity", "action") for joint in arm.joints),
                *("tool_x", "tool_y", "tool_z", "axis_x", "axis_y", "axis_z"),
                *rule.privileged_names,
            ),
            cameras={"front": config.front.view, **wrist},
            label_names=rule.label_names,
            mask_geoms=rule.mask_geoms,
            film_camera="spectator",
            scene_fields=("geom_size",),
            presets=PRESETS,
            robot=arm.name,
            policy_state=True,
            criterion="rmse",
            smoothing=0.1,  # a reach takes a second, and joint commands are smooth
            training=rule.training,
        )

    def attach(self, batch: Batch, random: WorldRandom) -> None:
        nominal = {name: values.copy() for name, values in self.config.arm.nominal.items()}
        self.world = ArmWorld(self.config.arm, self.model, self.control, batch, random, nominal)
        self.parameters = self.world.parameters

    def reset(self, ids: np.ndarray) -> None:
        self.world.reset(ids, self.rule.jaw)
        self.rule.place(self.world, ids)

    def act(self, action: np.ndarray) -> None:
        self.world.act(action)

    def measure(self, ids: np.ndarray | None = None) -> None:
        self.world.measure(ids)

    def state(self) -> np.ndarray:
        return self.control.state(self.world.position, self.world.target).astype(np.float32)

    def privileged(self) -> np.ndarray:
        world = self.world
        own = (self.state(), 0.3 * world.velocity, world.action, 5 * world.tool, world.tool_axis)
        return np.concatenate([*own, self.rule.privileged(world)], 1).astype(np.float32)

    def labels(self) -> dict[str, np.ndarray]:
        values = self.rule.labels(self.world).astype(np.float32)
        return {name: values[:, i].copy() for i, name in enumerate(self.spec.label_names)}

    def reward(self) -> np.ndarray:
        world = self.world
        effort = 0.03 * (world.action**2).mean(1) + 0.05 * ((world.action - world.last_action) ** 2).mean(1)
        return (self.rule.reward(world) - effort).astype(np.float32)

    def terminated(self) -> np.ndarray:
        return self.rule.failed(self.world)

    def success(self) -> np.ndarray:
        return self.rule.success(self.world) & ~self.rule.failed(self.world)


def arm_task(rule: type[Rule], split: str, *variants: str) -> ArmTask:
    """Make the task of a rule for a split (see `envs.registry.SPLITS`); positions and appearance are drawn from seeds
    that training never uses; the rehearsal arm gives full frames.

    Args:
        variants: "absolute" or "delta" actions, the name of an arm.

    Raises:
        InputError: no such arm, or one that cannot do the task.
    """
    config = ArmConfig()
    for variant in variants:
        change = {"actions": variant} if variant in MODES else {"arm": find_arm(variant)}
        config = replace(config, **change)
    if split in ("recording", "rehearsal"):
        camera = config.front.view.camera
        size = (camera.width, camera.height)
        uncropped = replace(config.front.view, crop=(0, 0, *size), size=size)
        config = replace(config, front=replace(config.front, view=uncropped))
    task = ArmTask(rule(), config)
    task.spec = replace(task.spec, name=":".join((rule.name, *variants)))
    return task
