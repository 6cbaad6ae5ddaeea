"""Playing recorded commands on a robot: eased in, limited, to be paused and stopped. Needs NumPy alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim2real.progress import Progress, silent
from sim2real.robots.robot import Robot
from sim2real.robots.safety import Limits, UnsafeCommandError

EASE_SPEED = 0.5  # rad/s, on the way to the first pose
PEAK = 1.875  # of a minimum-jerk path's speed, in its mean speed (Flash & Hogan 1985)

GO, PAUSE, STOP = "go", "pause", "stop"
Wish = Callable[[], str]
"""What whoever watches wants now: GO, PAUSE or STOP."""


@dataclass(frozen=True)
class Program:
    """What a robot is to be told, checked before it moves.

    Attributes:
        names: of the A components of a command.
        wanted: (T, A) as recorded, physical.
        commands: (T, A) the same within the limits.
        limits: of every command.
        dt: s from one command to the next.
        ease_speed: 1/s, that no component exceeds on the way to the first command.
    """

    names: tuple[str, ...]
    wanted: np.ndarray
    commands: np.ndarray
    limits: Limits
    dt: float
    ease_speed: float = EASE_SPEED

    @property
    def speed(self) -> np.ndarray:
        """(A,) largest speed of the recorded commands [1/s]."""
        return np.abs(np.diff(self.wanted, axis=0)).max(0, initial=0.0) / self.dt

    @property
    def limited_speed(self) -> np.ndarray:
        """(A,) the same of what is sent."""
        return np.abs(np.diff(self.commands, axis=0)).max(0, initial=0.0) / self.dt

    @property
    def changed(self) -> np.ndarray:
        """(T,) bool: a command was changed to stay in range or within the speed."""
        return np.asarray((np.abs(self.commands - self.wanted) > 1e-9).any(1))

    @property
    def ease_limits(self) -> Limits:
        """On the way to the first command: slow also where a robot is out of range and has to come in."""
        return replace(self.limits, step=np.minimum(self.limits.step, self.ease_speed * self.dt))

    def ease(self, start: np.ndarray) -> np.ndarray:
        """(N, A) commands from where the robot is (A,) to just before the first one, along minimum-jerk paths."""
        way = self.commands[0] - start
        steps = int(np.ceil(PEAK * np.abs(way).max(initial=0.0) / (self.ease_speed * self.dt)))
        s = (np.arange(1, steps) / max(steps, 1))[:, None]
        return start + way * (10 * s**3 - 15 * s**4 + 6 * s**5)


def prepare(
    names: tuple[str, ...],
    wanted: np.ndarray,
    limits: Limits,
    dt: float,
    speed: float | None = None,
    ease_speed: float = EASE_SPEED,
) -> Program:
    """Bring recorded commands (T, A) within the limits.

    Args:
        speed: that no component may exceed [1/s]; None: the limits' own. The slower of both holds.

    Raises:
        UnsafeCommandError: a command that is not finite, or of another length than the limits.
    """
    if speed is not None:
        limits = replace(limits, step=np.minimum(limits.step, speed * dt))
        ease_speed = min(ease_speed, speed)
    wanted = np.asarray(wanted, float)
    if wanted.ndim != 2 or not len(wanted) or wanted.shape[1] != len(limits.lower):
        raise UnsafeCommandError(f"commands of shape {wanted.shape} for a robot of {len(limits.lower)} components")
    commands, sent = np.empty_like(wanted), np.clip(wanted[0], limits.lower, limits.upper)
    for row, command in enumerate(wanted):
        sent, _ = limits.apply(command, sent)
        commands[row] = sent
    return Program(names, wanted, commands, limits, dt, ease_speed)


@dataclass(frozen=True)
class Played:
    """What a robot was told and what it did; n commands.

    Attributes:
        sent: (n, A) commands.
        measured: (n, A) where it was when the next one was due.
        row: (n,) which of the program's commands; -1 on the way to the first pose.
        reason: why it ended early, in words; empty if it came to the end.
        interrupted: whether by Ctrl-C.
        paused: control periods that it stood still for.
    """

    sent: np.ndarray
    measured: np.ndarray
    row: np.ndarray
    reason: str = ""
    interrupted: bool = False
    paused: int = 0

    @property
    def error(self) -> np.ndarray:
        """(m, A) tracking error of the program's commands: measured less sent."""
        return (self.measured - self.sent)[self.row >= 0]


def play(
    robot: Robot,
    program: Program,
    wish: Wish = lambda: GO,
    progress: Progress = silent,
) -> Played:
    """Move a robot through a program; it is stopped at the end, whatever happens.

    It is eased in from where it is. While paused it is told its last command. A robot that does not answer, an
    observation that is not finite and Ctrl-C end it; what was done until then is returned.

    Args:
        wish: asked before every command.
        progress: called with (commands done, commands in all).
    """
    sent: list[np.ndarray] = []
    measured: list[np.ndarray] = []
    rows: list[int] = []
    paused, reason, interrupted = 0, "", False
    try:
        here = _where(robot, program)
        last, path, slow = here, program.ease(here), program.ease_limits
        todo = np.concatenate([path, program.commands])
        k = 0
        while k < len(todo):
            wanted = wish()
            if wanted == STOP:
                reason = "stopped by hand"
                break
            if wanted == PAUSE:
                paused += 1
                robot.command(last)
                _where(robot, program)
                continue
            safe, _ = (slow if k < len(path) else program.limits).apply(todo[k], last)
            last = np.asarray(robot.command(safe), float)
            here = _where(robot, program)
            sent.append(last)
            measured.append(here)
            rows.append(max(k - len(path), -1))
            k += 1
            progress(k, len(todo))
    except KeyboardInterrupt:
        reason, interrupted = "interrupted", True
    except (OSError, UnsafeCommandError) as error:
        reason = " ".join(str(error).split())
    finally:
        try:
            robot.stop()
        except OSError as error:
            reason = f"{reason}; it did not stop: {error}".lstrip("; ")
    size = (len(sent), len(program.names))
    return Played(
        *(np.reshape(sent, size), np.reshape(measured, size), np.array(rows, int)),
        *(reason, interrupted, paused),
    )


def ease_to(robot: Robot, pose: np.ndarray, limits: Limits, ease_speed: float = EASE_SPEED) -> Played:
    """Move a robot slowly to a pose (A,) within the limits, where it holds; `reason` says why it did not get there."""
    wanted = np.asarray(pose, float)[None]
    return play(robot, prepare(robot.action_names, wanted, limits, robot.control_dt, ease_speed=ease_speed))


def _where(robot: Robot, program: Program) -> np.ndarray:
    """(A,) what it measures now; raises UnsafeCommandError for what is no number or of another robot."""
    state = np.asarray(robot.observe()["state"], float)
    if state.shape != (len(program.names),):
        raise UnsafeCommandError(f"the robot measures {state.shape[0]} values, the recording has {len(program.names)}")
    if not np.isfinite(state).all():
        raise UnsafeCommandError(f"the robot's state is not finite: {state.tolist()}")
    return state
