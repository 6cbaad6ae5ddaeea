"""The interface of robots, for hardware and simulated stand-ins. Needs NumPy only."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class Robot(Protocol):
    """A robot that is commanded at a fixed rate.

    Measurements and commands are physical: an arm's joints [rad], a car's steering and throttle in [-1, 1]. A
    `Boundary` converts them for policies and datasets.

    Attributes:
        control_dt: time between two observations [s].
        action_names: one per component of a command.
    """

    control_dt: float
    action_names: tuple[str, ...]

    def observe(self) -> dict[str, Any]:
        """Wait for the next control period and return its observation.

        Returns:
            `state` (S,): sensor measurements; `images.<camera>` (H, W, 3) uint8 RGB; `time`: s, on the robot's clock;
            and if known `taken`: s, when the latest frame was taken.

        Raises:
            OSError: the robot does not answer.
        """
        ...

    def command(self, action: np.ndarray) -> np.ndarray:
        """Send a target (A,) for the next observation; returns the command that was sent."""
        ...

    def stop(self) -> None:
        """Hold the current pose; may be called repeatedly."""
        ...

    def close(self) -> None:
        """Release the robot: torque off, port closed."""
        ...


def clock() -> float:
    """Return s that passed, also while the computer was suspended, where it tells."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Ticker:
    """Keeps a loop to its period.

    Args:
        period: period [s].
        clock, sleep: clock of the machine, or of a test.
    """

    def __init__(
        self,
        period: float,
        clock: Callable[[], float] = clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.period, self.clock, self._sleep = period, clock, sleep
        self._due: float | None = None

    def restart(self) -> None:
        """Make the next wait return immediately."""
        self._due = None

    def wait(self) -> int:
        """Sleep until a period after the last return; return immediately if that has passed.

        Returns:
            The number of missed periods.
        """
        now = self.clock()
        if self._due is None:
            self._due = now + self.period
            return 0
        missed = max(int((now - self._due) / self.period), 0)
        if now < self._due:
            self._sleep(self._due - now)
        self._due += (missed + 1) * self.period
        return missed
