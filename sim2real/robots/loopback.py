"""A simulated arm for trying commands out: its joints follow their targets, its camera shows noise."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sim2real.robots.robot import Ticker

FOLLOW = 0.3  # share of the distance to the target that a joint moves per control step


class Loopback:
    """Replaces an arm if none is connected.

    Args:
        action_names: names of the joints.
        control_dt: control period [s].
        cameras: names of cameras, whose frames are noise.
        home: (J,) rad, initial joint positions.
        size: (width, height) px of the frames.
        clock, sleep: clock of the machine, or of a test.
    """

    def __init__(
        self,
        action_names: Sequence[str],
        control_dt: float,
        cameras: Sequence[str],
        home: np.ndarray | None = None,
        *,
        size: tuple[int, int] = (160, 120),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.control_dt, self.action_names = control_dt, tuple(action_names)
        self._cameras, self._size, self._ticker = tuple(cameras), size, Ticker(control_dt, clock, sleep)
        self.position = np.zeros(len(self.action_names)) if home is None else np.asarray(home, float).copy()
        self.target, self.stopped, self.closed = self.position.copy(), False, False
        self._random = np.random.default_rng(0)

    def observe(self) -> dict[str, Any]:
        """Observe as `Robot.observe`."""
        self._ticker.wait()
        self.position = self.position + FOLLOW * (self.target - self.position)
        now, (width, height) = self._ticker.clock(), self._size
        frames = {
            f"images.{name}": self._random.integers(0, 256, (height, width, 3), np.uint8) for name in self._cameras
        }
        return {"state": self.position.copy(), **frames, "time": now, "taken": now}

    def command(self, action: np.ndarray) -> np.ndarray:
        """Command as `Robot.command`."""
        self.target, self.stopped = np.array(action, float), False
        return self.target.copy()

    def stop(self) -> None:
        """Keep the joints where they are."""
        self.target, self.stopped = self.position.copy(), True

    def close(self) -> None:
        """Do nothing, as nothing is open."""
        self.closed = True
