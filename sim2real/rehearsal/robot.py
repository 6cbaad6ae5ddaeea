"""The rehearsal robot: a stand-in for a real one behind the interface of hardware, whatever the task is."""

import time
from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from envs import ArmTask, BatchEnv, LaneFollow, Randomization, Task
from sim2real.robots.boundary import OWN, Boundary, DirectBoundary, JointBoundary, own_units
from sim2real.robots.robot import Ticker

PRESET = "rehearsal"
CATCH_UP = 3  # periods that the world goes on for at most while nobody commands it; a debugger may stop us for hours


@singledispatch
def boundary_of(task: Task) -> Boundary:
    """How policy, robot and dataset speak of a task's state and commands; of any other task, directly."""
    return DirectBoundary("rehearsal-robot", task.spec.state_names, task.spec.action_names)


@boundary_of.register
def _(task: LaneFollow) -> Boundary:
    # Its state is what was commanded last, and has those names.
    return DirectBoundary("rehearsal-car", task.spec.action_names, task.spec.action_names)


@boundary_of.register
def _(task: ArmTask) -> Boundary:
    arm, control = task.config.arm, task.control
    gripper = None if arm.gripper is None else arm.joints.index(arm.gripper)
    units = own_units(control.lower, control.upper, gripper)
    return JointBoundary(OWN + arm.name, arm.joints, control, units, task.spec.control_dt)


@singledispatch
def home_of(task: Task) -> np.ndarray | None:
    """(A,) physical, where a task's robot begins its episodes; None: wherever it stands."""
    return None


@home_of.register
def _(task: ArmTask) -> np.ndarray:
    return np.array(task.config.arm.home)


@singledispatch
def measured(task: Task) -> np.ndarray:
    """(n, S) what the robots of a task's worlds measure now, as `Robot.observe` gives it."""
    return task.state()


@measured.register
def _(task: ArmTask) -> np.ndarray:
    return task.world.position.copy()


class SimulatedRobot:
    """One world of a task, seen and moved as a robot is.

    A step of the world takes place at the next `observe`. In real time the world goes on while nobody commands it: it
    holds the last command, and frames are lost.

    Args:
        task: a new one of split "rehearsal".
        cameras: names of those it is seen through.
        randomization: of the world.
        real_time: keep to the control period of the machine's clock.
        device: where frames are rendered.
        clock, sleep: of the machine, or a test's own.

    Raises:
        ValueError: a camera that the task does not have, or no such preset or device.
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
        """Put robot and world where the episode of a seed begins."""
        self._frames, _ = self._env.reset(seed=[seed])
        self._measured = measured(self._env.task)[0]
        self._sent, self._waiting = np.asarray(self._measured, float), False
        self._steps, self.reward, self.terminated = 0, 0.0, False
        self._outcome: str | None = None
        self._ticker.restart()

    def observe(self) -> dict[str, Any]:
        """As `Robot.observe`; after the episode's end, what it was before."""
        now = None
        if self.real_time:
            missed = self._ticker.wait()
            now = self._ticker.clock()
            # The command that waits came late: until then the one before held.
            for _ in range(min(missed, CATCH_UP)):
                self._step(self._sent)
        if self._waiting:
            self._waiting = False
            self._step(self._command)
        now = self._steps * self.control_dt if now is None else now
        return {"state": self._measured.copy(), **{key: frame[0] for key, frame in self._frames.items()}, "time": now}

    def command(self, action: np.ndarray) -> np.ndarray:
        """As `Robot.command`."""
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
        """ "success" or "failure" once the task says so, None before."""
        return self._outcome

    def stop(self) -> None:
        """The robot stays where it is told to be; a command that waits is forgotten."""
        self._waiting = False

    def close(self) -> None:
        """Stop the rendering threads."""
        self._env.close()
