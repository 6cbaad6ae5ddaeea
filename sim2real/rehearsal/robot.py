"""The rehearsal robot: a simulated stand-in with the interface of hardware, for any task."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np

from envs import ArmTask, BatchEnv, LaneFollow, Randomization, Task
from envs.arms.clearance import Clearance
from sim2real.rehearsal.preset import PRESET
from sim2real.robots.boundary import OWN, Boundary, DirectBoundary, JointBoundary, own_units
from sim2real.robots.robot import Ticker

CATCH_UP = 3  # maximum number of periods that the world runs without a command; a debugger may stop us for hours


@singledispatch
def boundary_of(task: Task) -> Boundary:
    """Return the boundary between policy, robot and dataset for a task."""
    return DirectBoundary("rehearsal-robot", task.spec.state_names, task.spec.action_names)


@boundary_of.register
def _(task: LaneFollow) -> Boundary:
    # Its state is the last command, with the same names.
    return DirectBoundary("rehearsal-car", task.spec.action_names, task.spec.action_names)


@boundary_of.register
def _(task: ArmTask) -> Boundary:
    arm, control = task.config.arm, task.control
    gripper = None if arm.gripper is None else arm.joints.index(arm.gripper)
    units = own_units(control.lower, control.upper, gripper)
    return JointBoundary(OWN + arm.name, arm.joints, control, units, task.spec.control_dt)


def guarded(boundary: Boundary, task: Task) -> Boundary:
    """Return the boundary for hardware: an arm whose hulls are known runs neither into itself nor the table."""
    if not (isinstance(boundary, JointBoundary) and isinstance(task, ArmTask) and task.config.arm.hulls is not None):
        return boundary
    return replace(boundary, blocked=Clearance(task.config.arm).blocked)


@singledispatch
def home_of(task: Task) -> np.ndarray | None:
    """Return (A,) the start pose of a task's robot in physical units; None: the current pose."""
    return None


@home_of.register
def _(task: ArmTask) -> np.ndarray:
    return np.array(task.config.arm.home)


@singledispatch
def measured(task: Task) -> np.ndarray:
    """Return (n, S) the current measurements of the robots in a task's worlds, as in `Robot.observe`."""
    return task.state()


@measured.register
def _(task: ArmTask) -> np.ndarray:
    return task.world.position.copy()


class SimulatedRobot:
    """One world of a task with the interface of a robot.

    The world steps at the next `observe`. In real time the world continues without commands: it holds the last
    command, and frames are lost.

    Args:
        task: a new task of split "rehearsal".
        cameras: names of the cameras to observe.
        randomization: randomization of the world.
        real_time: keep the control period in real time.
        device: device that renders frames.
        clock, sleep: clock of the machine, or of a test.

    Raises:
        InputError: a camera that the task does not have, or no such preset or device.
    """

    def __init__(
        self,
        task: Task,
        cameras: Sequence[str],
        *,
        randomization: Randomization | str = PRESET,
        real_time: bool = False,
        device: str = "cpu",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        keys = tuple(f"images.{camera}" for camera in cameras)
        self._env = BatchEnv(task, 1, randomization=randomization, observations=keys, device=device)
        self.boundary, self.real_time = boundary_of(task), real_time
        self.control_dt, self.action_names = task.spec.control_dt, task.spec.action_names
        self.steps_at_most = round(task.spec.episode_seconds / task.spec.control_dt)
        self._ticker = Ticker(self.control_dt, clock, sleep)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Reset robot and world to the start of a seed's episode."""
        self._frames, _ = self._env.reset(seed=[seed])
        self._measured = measured(self._env.task)[0]
        self._sent, self._waiting = np.asarray(self._measured, float), False
        self._steps, self.reward, self.terminated = 0, 0.0, False
        self._outcome: str | None = None
        self._ticker.restart()

    def observe(self) -> dict[str, Any]:
        """Observe as `Robot.observe`; after the episode's end, return the last observation."""
        now = None
        if self.real_time:
            missed = self._ticker.wait()
            now = self._ticker.clock()
            # The pending command came late: until then the previous one was held.
            for _ in range(min(missed, CATCH_UP)):
                self._step(self._sent)
        if self._waiting:
            self._waiting = False
            self._step(self._command)
        now = self._steps * self.control_dt if now is None else now
        return {"state": self._measured.copy(), **{key: frame[0] for key, frame in self._frames.items()}, "time": now}

    def command(self, action: np.ndarray) -> np.ndarray:
        """Command as `Robot.command`."""
        self._command, self._waiting = np.asarray(action, float), True
        return self._command.copy()

    def _step(self, command: np.ndarray) -> None:
        if self._outcome is not None:
            return
        action = self.boundary.action(command, self._sent)
        self._sent = self.boundary.command(action, self._measured, self._sent)
        self._frames, reward, terminated, truncated, info = self._env.step(action[None])
        self._steps, self.reward = self._steps + 1, self.reward + float(reward[0])
        if terminated[0] or truncated[0]:
            self._outcome = "success" if info["final_info"]["success"][0] else "failure"
            self.terminated = bool(terminated[0])
            return
        self._measured = measured(self._env.task)[0]

    def outcome(self, time_is_up: bool = False) -> str | None:
        """Return "success" or "failure" once the task has ended, None before."""
        return self._outcome

    def stop(self) -> None:
        """Hold the last target; a pending command is dropped."""
        self._waiting = False

    def close(self) -> None:
        """Stop the rendering threads."""
        self._env.close()
