"""A vehicle whose own loop shows images and asks for commands, as a `Robot` for another thread. Needs NumPy only."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from sim2real.robots.robot import clock

COMMAND = ("steering", "throttle")
_WAIT = 1.0  # s for the vehicle's next image


class VehicleRobot:
    """A vehicle as a `Robot`: its loop shows images and asks what it is told, a bridge's thread does the rest.

    Args:
        camera: name of the camera for clients.
        control_dt: period of the vehicle's loop [s].
        timeout: a command that is older [s] is not passed on.
        clock: of this machine, or of a test.
    """

    def __init__(self, camera: str, control_dt: float, timeout: float, clock: Callable[[], float] = clock) -> None:
        self.action_names, self.control_dt = COMMAND, control_dt
        self._key, self._timeout, self._clock = f"images.{camera}", timeout, clock
        self._new = threading.Condition()
        self._image: np.ndarray | None = None
        self._taken, self._seen = 0.0, 0.0
        self._told, self._at, self._listens = np.zeros(2), -np.inf, True

    def show(self, image: np.ndarray, listens: bool = True) -> None:
        """Give a new image (H, W, 3) uint8 RGB, and whether the vehicle does what it is told."""
        with self._new:
            self._image, self._taken, self._listens = image, self._clock(), listens
            self._new.notify_all()

    def told(self) -> tuple[float, float]:
        """Return angle and throttle: zeros where the last command is too old, whatever the bridge's thread does."""
        with self._new:
            fresh = self._clock() - self._at <= self._timeout
            angle, throttle = self._told if fresh else np.zeros(2)
        return float(angle), float(throttle)

    def observe(self) -> dict[str, Any]:
        """Wait for the vehicle's next image and return it as `Robot.observe`; the state is the last command."""
        with self._new:
            if not self._new.wait_for(lambda: self._taken > self._seen, _WAIT) or self._image is None:
                raise OSError(f"the vehicle showed no image for {_WAIT:g} s: is its loop running?")
            if not self._listens:
                raise OSError("the car is driven by hand: choose Full Auto in its web controller")
            self._seen = self._taken
            return {"state": self._told.copy(), self._key: self._image, "time": self._clock(), "taken": self._taken}

    def command(self, action: np.ndarray) -> np.ndarray:
        """Command as `Robot.command`."""
        with self._new:
            self._told, self._at = np.asarray(action, float).copy(), self._clock()
            return self._told.copy()

    def stop(self) -> None:
        """Tell the vehicle zeros."""
        with self._new:
            self._told, self._at = np.zeros(2), -np.inf

    def close(self) -> None:
        """Tell the vehicle zeros."""
        self.stop()
