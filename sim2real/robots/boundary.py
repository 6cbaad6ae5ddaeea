"""Conversion of states and commands between a policy, a robot and a dataset.

A policy has a state input and actions in [-1, 1]; a robot measures and receives physical values; a dataset has
LeRobot's names and units. Needs NumPy only, as it runs on the robot's computer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from sim2real.robots.safety import Limits
from sim2real.robots.units import JointUnits

JOINT_SPEED = 4.0  # rad/s, maximum speed of an arm's joint targets
REACH = 0.6  # rad by which a target may be ahead of its joint: what blocks it is not pressed harder and harder
OWN = "sim2real_"  # prefix of an arm's name: robot type of recordings made in our simulation


class Control(Protocol):
    """How actions move joint targets: `envs.arms.control.JointControl` is one."""

    @property
    def lower(self) -> np.ndarray: ...

    @property
    def upper(self) -> np.ndarray: ...

    def target(self, action: np.ndarray, previous: np.ndarray, position: np.ndarray) -> np.ndarray: ...

    def action(self, target: np.ndarray, previous: np.ndarray) -> np.ndarray: ...

    def state(self, position: np.ndarray, target: np.ndarray) -> np.ndarray: ...


class Boundary(Protocol):
    """Converts states and commands; arrays may have leading dimensions (..., S) and (..., A).

    Attributes:
        robot_type: robot type of datasets.
        state_names, action_names: names in a dataset's `observation.state` and `action`.
        limits: limits of commands.
    """

    @property
    def robot_type(self) -> str: ...

    @property
    def state_names(self) -> tuple[str, ...]: ...

    @property
    def action_names(self) -> tuple[str, ...]: ...

    @property
    def limits(self) -> Limits: ...

    def observed(self, measured: np.ndarray, sent: np.ndarray) -> np.ndarray:
        """Return the policy's state from the measurement and the last command (at the start: the measurement)."""
        ...

    def command(self, action: np.ndarray, measured: np.ndarray, sent: np.ndarray) -> np.ndarray:
        """Return the robot's command for an action of the policy."""
        ...

    def action(self, command: np.ndarray, sent: np.ndarray) -> np.ndarray:
        """Return the policy's action closest to a command, given the previous command."""
        ...

    def to_log(self, physical: np.ndarray) -> np.ndarray:
        """Return a measured state or a command in a dataset's units, float32."""
        ...


@dataclass(frozen=True)
class DirectBoundary:
    """For a robot whose commands and datasets are the policy's actions (a car)."""

    robot_type: str
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]

    @property
    def limits(self) -> Limits:
        largest = np.ones(len(self.action_names))
        return Limits(-largest, largest, 2 * largest)

    def observed(self, measured: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return np.asarray(measured, np.float32)

    def command(self, action: np.ndarray, measured: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return np.clip(action, -1, 1)

    def action(self, command: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return np.clip(command, -1, 1)

    def to_log(self, physical: np.ndarray) -> np.ndarray:
        return np.asarray(physical, np.float32)


@dataclass(frozen=True)
class JointBoundary:
    """For an arm with joint positions and joint targets [rad], whose datasets have LeRobot's units.

    Attributes:
        robot_type: robot type of datasets.
        joints: names, in order.
        control: conversion between actions and targets.
        units: conversion between radians and a dataset's values.
        control_dt: control period [s], which limits the speed of targets.
        blocked: as in `Limits`.
    """

    robot_type: str
    joints: tuple[str, ...]
    control: Control
    units: JointUnits
    control_dt: float
    blocked: Callable[[np.ndarray, np.ndarray], str] = lambda command, measured: ""
    state_names: tuple[str, ...] = field(init=False)
    action_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("state_names", "action_names"):
            object.__setattr__(self, name, tuple(f"{joint}.pos" for joint in self.joints))

    @property
    def limits(self) -> Limits:
        step = np.full(len(self.joints), JOINT_SPEED * self.control_dt)
        return Limits(self.control.lower, self.control.upper, step, np.full(len(self.joints), REACH), self.blocked)

    def observed(self, measured: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return self.control.state(np.asarray(measured), np.asarray(sent)).astype(np.float32)

    def command(self, action: np.ndarray, measured: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return self.control.target(np.asarray(action, float), sent, measured)

    def action(self, command: np.ndarray, sent: np.ndarray) -> np.ndarray:
        return self.control.action(np.asarray(command), np.asarray(sent))

    def to_log(self, physical: np.ndarray) -> np.ndarray:
        return self.units.from_radians(physical).astype(np.float32)


def own_units(lower: np.ndarray, upper: np.ndarray, gripper: int | None) -> JointUnits:
    """Return the units of our own recordings: degrees from the model's zero, the gripper's range as 0…100."""
    scale, zero = np.full(len(lower), np.pi / 180), np.zeros(len(lower))
    if gripper is not None:
        scale[gripper], zero[gripper] = (upper[gripper] - lower[gripper]) / 100, lower[gripper]
    return JointUnits("degrees", tuple(scale.tolist()), tuple(zero.tolist()))
