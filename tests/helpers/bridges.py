"""A bridge in a thread of its own, with a robot that remembers when it was told what."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sim2real.robots.boundary import DirectBoundary
from sim2real.robots.bridge import Bridge, BridgeSettings
from sim2real.robots.loop import Trace, run_episode
from sim2real.robots.loopback import Loopback
from sim2real.robots.safety import Limits

TOKEN = "a token that nobody guesses"
JOINTS, DT = ("a", "b"), 1 / 30
LIMITS = Limits(-np.ones(2), np.ones(2), np.full(2, 0.2))
BOUNDARY = DirectBoundary("arm", JOINTS, JOINTS)


class Remembering(Loopback):
    """A loopback with the times [s] at which it was told to move or to stop while it moved."""

    def __init__(self, clock: Any = time.monotonic, sleep: Any = time.sleep, dt: float = DT) -> None:
        super().__init__(JOINTS, dt, ("front",), size=(32, 24), clock=clock, sleep=sleep)
        self.clock, self.commanded, self.stops, self.failing = clock, [], [], set[str]()
        self.moving = False

    def fail(self, what: str) -> None:
        if what in self.failing:
            raise OSError(f"servo 3 does not answer ({what})")

    def observe(self) -> dict[str, Any]:
        self.fail("observe")
        return super().observe()

    def command(self, action: np.ndarray) -> np.ndarray:
        self.fail("command")
        self.commanded.append(self.clock())
        self.moving = True
        return super().command(action)

    def stop(self) -> None:
        self.fail("stop")
        if self.moving:
            self.stops.append(self.clock())
        self.moving = False
        super().stop()


@contextmanager
def bridged(robot: Any, notes: list[str] | None = None, limits: Limits | None = LIMITS, **more: Any) -> Iterator[str]:
    """Serve a robot to clients that know TOKEN; gives the address."""
    settings = BridgeSettings("127.0.0.1:0", **{"move": True, **more})
    bridge = Bridge(robot, TOKEN, settings, limits, note=(notes if notes is not None else []).append)
    thread = threading.Thread(target=bridge.serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{bridge.address[1]}"
    finally:
        bridge.close()
        thread.join(10)
    assert not thread.is_alive()


def swing(observation: dict[str, Any]) -> np.ndarray:
    return 0.05 * np.sin(5 * observation["time"]) * np.array([1.0, -0.5])


def episode(robot: Any, steps: int = 40, act: Callable[..., np.ndarray] = swing) -> tuple[Trace, list[Any]]:
    log: list[Any] = []
    trace = run_episode(
        *(robot, act, BOUNDARY, steps, lambda over: "success" if over else None),
        lambda observation, sent, by_hand: log.append((observation["state"], observation["images.front"], sent)),
    )
    return trace, log


def wait_for(met: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not met() and time.monotonic() < until:
        time.sleep(0.005)
    assert met()
