"""What a robot is to a program that moves it: the same for hardware and for its stand-ins. Needs NumPy alone."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class Robot(Protocol):
    """A robot that moves when it is told to, at a fixed rate.

    What it measures and is told are physical: an arm's joints [rad], a car's steering and throttle in [-1, 1]. What a
    policy makes of them, and what a dataset calls them, is a `Boundary`'s business.

    Attributes:
        control_dt: s between two observations.
        action_names: one per component of a command.
    """

    control_dt: float
    action_names: tuple[str, ...]

    def observe(self) -> dict[str, Any]:
        """The next observation, as soon as its time has come.

        Returns:
            `state` (S,): what its own sensors measure; `images.<camera>` (H, W, 3) uint8 RGB; `time`: s, on the robot's
            clock; and where the robot knows it `taken`: s, when the latest frame was taken.

        Raises:
            OSError: it does not answer.
        """
        ...

    def command(self, action: np.ndarray) -> np.ndarray:
        """Tell it where to go (A,), by the next observation if it can; returns what was sent."""
        ...

    def stop(self) -> None:
        """Stay where it is; to be called as often as one likes."""
        ...

    def close(self) -> None:
        """Let go of it: no torque, no open port."""
        ...


class Ticker:
    """Keeps a loop to its period.

    Args:
        period: s.
        clock, sleep: of the machine, or a test's own.
    """

    def __init__(
        self,
        period: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.period, self.clock, self._sleep = period, clock, sleep
        self._due: float | None = None

    def restart(self) -> None:
        """The next wait returns at once."""
        self._due = None

    def wait(self) -> int:
        """Sleep until a period after the last return; when that is past, return at once.

        Returns:
            Whole periods that were missed.
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
