# pyright: reportAttributeAccessIssue=false
"""What a task is: a scene, its reset, what it observes and rewards, all vectorized over worlds."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.camera import Camera
from envs.random import WorldRandom
from envs.randomization import Randomization


@dataclass(frozen=True)
class View:
    """What the policy sees of a camera's frame.

    Attributes:
        camera: of the whole frame, as a real camera of this kind would deliver it.
        crop: (left, top, width, height) px of the part that is used.
        size: (width, height) px to which that part is reduced.
    """

    camera: Camera
    crop: tuple[int, int, int, int]
    size: tuple[int, int]

    @cached_property
    def lens(self) -> Camera:
        """The camera of the part and resolution that the policy sees; simulation renders through it directly."""
        return self.camera.crop(*self.crop).resize(*self.size)


@dataclass(frozen=True)
class TaskSpec:
    """What is known of a task before a world exists.

    Attributes:
        control_dt: s between actions; a whole number of the model's time steps.
        action_names, state_names, privileged_names: one per component; actions are in [-1, 1].
        cameras: by name of the model's camera.
        film_camera: a camera that shows the robot from outside, for films.
        label_names: scalar auxiliary labels.
        mask_geoms: geoms that make up the task's mask label (the drivable road, the object to grasp).
        scene_fields: model fields beyond poses that reset() writes per world and the renderer must follow.
        presets: randomizations by name.
        mirrored: actions and labels that change their sign when the picture is mirrored.
        robot: whose recordings and hardware fit the task, a name in `sim2real.robots`.
        policy_state: whether policies are told the state beside their images.
        judged: the actions by which policies are compared with recordings; empty: all.
        smoothing: s to either side over which recorded actions are averaged before policies learn from them or are
            compared with them: people steer in jerks, and what they meant is the mean.
        criterion: the metric by which policies are told apart on recordings: "gain_free_mae" where people have scales
            of their own; "rmse" where commands are in known units, and robots rest so often that to do nothing has
            the least MAE.
        training: what learning this task needs in place of the usual, by names of `TeacherConfig` and
            `DistillationConfig`.
    """

    name: str
    control_dt: float
    episode_seconds: float
    action_names: tuple[str, ...]
    state_names: tuple[str, ...]
    privileged_names: tuple[str, ...]
    cameras: Mapping[str, View]
    label_names: tuple[str, ...] = ()
    mask_geoms: tuple[str, ...] = ()
    scene_fields: tuple[str, ...] = ()
    presets: Mapping[str, Randomization] = field(default_factory=dict)
    film_camera: str | None = None
    mirrored: tuple[str, ...] = ()
    robot: str = ""
    policy_state: bool = False
    judged: tuple[str, ...] = ()
    smoothing: float = 0.25
    criterion: str = "gain_free_mae"
    training: Mapping[str, Any] = field(default_factory=dict)


class Task(abc.ABC):
    """One task over the n worlds of a Batch.

    Life: `attach` once; at a reset `reset(ids)`; every control step `act`, physics, `measure`. The properties of the
    present state (state, privileged, labels, reward, ...) are valid after `measure` and are the caller's to keep.

    Attributes:
        parameters: (n, k) arrays that a randomization may vary as `task.NAME`; nominal at construction.
        control: how actions move joint targets, an `envs.arms.control.JointControl`; None where actions are themselves
            what robots are told and record.
    """

    control: Any = None
    spec: TaskSpec
    model: mujoco.MjModel
    parameters: dict[str, np.ndarray]

    @abc.abstractmethod
    def attach(self, batch: Batch, random: WorldRandom) -> None:
        """Bind the arrays of a batch of worlds."""

    @abc.abstractmethod
    def reset(self, ids: np.ndarray) -> None:
        """Write an initial state and scene for worlds ids (m,)."""

    @abc.abstractmethod
    def act(self, action: np.ndarray) -> None:
        """Turn actions (n, A) in [-1, 1] into controls."""

    @abc.abstractmethod
    def measure(self, ids: np.ndarray | None = None) -> None:
        """Update what the properties report from the present physics; after a reset for worlds ids alone."""

    @abc.abstractmethod
    def state(self) -> np.ndarray:
        """(n, S) float32: what the real robot's own sensors would tell."""

    @abc.abstractmethod
    def privileged(self) -> np.ndarray:
        """(n, P) float32: what only the simulator knows, for a teacher."""

    @abc.abstractmethod
    def labels(self) -> dict[str, np.ndarray]:
        """(n,) float32 per label name."""

    @abc.abstractmethod
    def reward(self) -> np.ndarray:
        """(n,) float32."""

    @abc.abstractmethod
    def terminated(self) -> np.ndarray:
        """(n,) bool: failed."""

    @abc.abstractmethod
    def success(self) -> np.ndarray:
        """(n,) bool: if the episode ended now, it would have succeeded."""
