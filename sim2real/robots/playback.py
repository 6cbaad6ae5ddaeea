"""Playback of recorded commands on a robot: with a smooth start, limits, pause and stop. Needs NumPy only."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim2real.progress import Progress, silent
from sim2real.robots.robot import Robot
from sim2real.robots.safety import Limits, UnsafeCommandError

EASE_SPEED = 0.5  # rad/s, on the way to the first pose
PEAK = 1.875  # maximum over mean speed of a minimum-jerk path (Flash & Hogan 1985)

GO, PAUSE, STOP = "go", "pause", "stop"
Wish = Callable[[], str]
"""Returns the supervisor's current wish: GO, PAUSE or STOP."""


@dataclass(frozen=True)
class Program:
    """Commands for a robot, checked before it moves.

    Attributes:
        names: names of the A components of a command.
        wanted: (T, A) recorded commands in physical units.
        commands: (T, A) the same commands within the limits.
        limits: limits of every command.
        dt: time between commands [s].
        ease_speed: maximum speed of each component on the way to the first command [1/s].
    """

    names: tuple[str, ...]
    wanted: np.ndarray
    commands: np.ndarray
    limits: Limits
    dt: float
    ease_speed: float = EASE_SPEED

    @property
    def speed(self) -> np.ndarray:
        """Return (A,) the largest speed of the recorded commands [1/s]."""
        return np.abs(np.diff(self.wanted, axis=0)).max(0, initial=0.0) / self.dt

    @property
    def limited_speed(self) -> np.ndarray:
        """Return (A,) the largest speed of the limited commands [1/s]."""
        return np.abs(np.diff(self.commands, axis=0)).max(0, initial=0.0) / self.dt

    @property
    def changed(self) -> np.ndarray:
        """Return (T,) bool, whether a command was limited in range or speed."""
        return np.asarray((np.abs(self.commands - self.wanted) > 1e-9).any(1))

    @property
    def ease_limits(self) -> Limits:
        """Return the limits on the way to the first command, slow also for a robot that is out of range."""
        return replace(self.limits, step=np.minimum(self.limits.step, self.ease_speed * self.dt))

    def ease(self, start: np.ndarray) -> np.ndarray:
        """Return (N, A) commands from the current pose (A,) to just before the first one, along minimum-jerk paths."""
        way = self.commands[0] - start
        steps = int(np.ceil(PEAK * np.abs(way).max(initial=0.0) / (self.ease_speed * self.dt)))
        s = (np.arange(1, steps) / max(steps, 1))[:, None]
        return start + way * (10 * s**3 - 15 * s**4 + 6 * s**5)


def make_program(
    names: tuple[str, ...],
    wanted: np.ndarray,
    limits: Limits,
    dt: float,
    speed: float | None = None,
    ease_speed: float = EASE_SPEED,
) -> Program:
    """Bring recorded commands (T, A) within the limits.

    Args:
        speed: maximum speed of each component [1/s], in addition to that of the limits; None: only the limits.

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
    """The executed motion, with n commands.

    Attributes:
        sent: (n, A) commands.
        measured: (n, A) positions when the next command was due.
        row: (n,) index of the program's command; -1 on the way to the first pose.
        reason: why it ended early, in words; empty if it reached the end.
        interrupted: whether Ctrl-C ended it.
        paused: number of paused control periods.
    """

    sent: np.ndarray
    measured: np.ndarray
    row: np.ndarray
    reason: str = ""
    interrupted: bool = False
    paused: int = 0

    @property
    def error(self) -> np.ndarray:
        """Return (m, A) the tracking error of the program's commands: measured minus sent."""
        return (self.measured - self.sent)[self.row >= 0]


def play(
    robot: Robot,
    program: Program,
    wish: Wish = lambda: GO,
    progress: Progress = silent,
) -> Played:
    """Execute a program on a robot, which is always stopped at the end.

    It starts smoothly from the current pose. While paused, the last command is repeated. A robot that does not answer,
    an observation that is not finite and Ctrl-C end it; the motion until then is returned.

    Args:
        wish: called before every command.
        progress: called with (commands done, total commands).
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
                here = _where(robot, program)
                continue
            safe, _ = (slow if k < len(path) else program.limits).apply(todo[k], last, here)
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
    """Move a robot slowly to a pose (A,) within the limits, where it holds; `reason` is set if it fails."""
    wanted = np.asarray(pose, float)[None]
    return play(robot, make_program(robot.action_names, wanted, limits, robot.control_dt, ease_speed=ease_speed))


def _where(robot: Robot, program: Program) -> np.ndarray:
    """Return (A,) the current measurement; raises UnsafeCommandError if it is not finite or of another length."""
    state = np.asarray(robot.observe()["state"], float)
    if state.shape != (len(program.names),):
        raise UnsafeCommandError(f"the robot measures {state.shape[0]} values, the recording has {len(program.names)}")
    if not np.isfinite(state).all():
        raise UnsafeCommandError(f"the robot's state is not finite: {state.tolist()}")
    return state
