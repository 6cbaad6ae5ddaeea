# pyright: reportAttributeAccessIssue=false
"""The interface of tasks: scene, reset, observations and rewards, vectorized over worlds."""

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
    """The policy's view of a camera's frame.

    Attributes:
        camera: camera of the full frame, as of a real camera.
        crop: (left, top, width, height) px of the part that is used.
        size: (width, height) px to which that part is resized.
    """

    camera: Camera
    crop: tuple[int, int, int, int]
    size: tuple[int, int]

    @cached_property
    def lens(self) -> Camera:
        """Return the camera of the policy's part and resolution, with which simulation renders directly."""
        return self.camera.crop(*self.crop).resize(*self.size)


@dataclass(frozen=True)
class TaskSpec:
    """Static description of a task.

    Attributes:
        control_dt: time between actions [s]; a multiple of the model's time step.
        action_names, state_names, privileged_names: one per component; actions are in [-1, 1].
        cameras: views by name of the model's camera.
        film_camera: a camera that shows the robot from outside, for films.
        unseen: privileged quantities that no frame shows, and what a teacher is told instead when it labels frames, as
            the rest is noise to a student: a value, or None for the mean over the worlds of the run.
        label_names: scalar auxiliary labels.
        mask_geoms: geoms of the task's mask label (the drivable road, the object to grasp).
        scene_fields: model fields besides poses that reset() writes per world and the renderer must follow.
        presets: randomizations by name.
        mirrored: actions and labels that change sign when the image is mirrored.
        robot: name in `sim2real.robots` of the robot whose recordings and hardware fit the task.
        policy_state: whether policies have a state input besides images.
        judged: the actions on which policies are compared with recordings; empty: all.
        smoothing: recorded actions are averaged over ± this many seconds for training and comparison, since people
            steer in jerks about the intended action.
        criterion: the metric for comparing policies on recordings: "gain_free_mae" if drivers have individual scales;
            "rmse" with known units, if robots rest so often that doing nothing has the smallest MAE.
        teachers: other tasks whose teachers drive this one, as their privileged state is the same.
        training: training settings that differ from the defaults, by the names of `TeacherConfig` and
            `DistillationConfig`.
    """

    name: str
    control_dt: float
    episode_seconds: float
    action_names: tuple[str, ...]
    state_names: tuple[str, ...]
    privileged_names: tuple[str, ...]
    cameras: Mapping[str, View]
    unseen: Mapping[str, float | None] = field(default_factory=dict)
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
    teachers: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)


class Task(abc.ABC):
    """A task in the n worlds of a Batch.

    Life cycle: `attach` once; `reset(ids)` at a reset; `act`, physics and `measure` in every control step. Properties
    of the current state (state, privileged, labels, reward, ...) are valid after `measure`, as new arrays.

    Attributes:
        world_seed: seed of the one world that all episodes share: scene, camera, look and dynamics are drawn from it,
            and episodes differ in their start and noise only; None: every episode draws its own world.
        parameters: (n, k) arrays that a randomization may vary as `task.NAME`; nominal at construction.
        control: control of joint targets by actions, an `envs.arms.control.JointControl`; None if actions are the
            robot's commands.
    """

    control: Any = None
    world_seed: int | None = None
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
        """Update the properties from the current physics; after a reset only for worlds ids."""

    @abc.abstractmethod
    def state(self) -> np.ndarray:
        """Return (n, S) float32, the measurements of the real robot's sensors."""

    @abc.abstractmethod
    def privileged(self) -> np.ndarray:
        """Return (n, P) float32, the simulator's privileged state, for a teacher."""

    @abc.abstractmethod
    def labels(self) -> dict[str, np.ndarray]:
        """Return (n,) float32 labels by name."""

    @abc.abstractmethod
    def reward(self) -> np.ndarray:
        """Return (n,) float32 rewards."""

    @abc.abstractmethod
    def terminated(self) -> np.ndarray:
        """Return (n,) bool, whether the task failed."""

    @abc.abstractmethod
    def success(self) -> np.ndarray:
        """Return (n,) bool, whether an episode that ends now is a success."""
