"""An emulated arm in its own time: nothing waits, and the same calls give the same answers, for tests and checks."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from sim2real.emulation.arm import EmulatedArm
from sim2real.emulation.servo import Servo
from sim2real.emulation.wire import Wire

_BYTE = 1e-5  # s on the bus, at 1 Mbaud
_LOOK = 1e-4  # s that a program takes to look for bytes again


class VirtualTime:
    """A clock that goes on when somebody sleeps or waits, and the arm's world with it.

    Args:
        arm: whose physics goes on; None: only time does.
        servos: of that arm, in the order of its joints.
        events: time [s] -> what happens then.
    """

    def __init__(self, arm: EmulatedArm | None = None, servos: Sequence[Servo] = ()) -> None:
        self._now, self._arm, self._servos, self._stepped = 0.0, arm, servos, 0
        self.events: dict[float, Callable[[], object]] = {}

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass [s]."""
        until = self._now + max(seconds, 0.0)
        for at in sorted(self.events):
            if at <= until:
                self._pass(max(at, self._now))
                self.events.pop(at)()
        self._pass(until)

    def _pass(self, until: float) -> None:
        self._now = until = max(until, self._now)
        while self._arm is not None and (self._stepped + 1) * self._arm.step_dt <= until + 1e-12:
            self._arm.step(self._servos, nullcontext())
            self._stepped += 1


class VirtualCamera:
    """The camera of an emulated arm, as a `Webcam`.

    Attributes:
        frozen: repeat the last frame.
        every: a new frame at every such frame of the arm's world.
    """

    def __init__(self, arm: EmulatedArm, time: VirtualTime) -> None:
        self._arm, self._time, self.frozen, self.every = arm, time, False, 1
        self._frame, self._taken, self._seen = arm.frame, time(), 0

    def latest(self) -> tuple[np.ndarray, float]:
        """Return the latest frame (H, W, 3) uint8 RGB and its time [s]."""
        if self._arm.frame is not self._frame and not self.frozen:
            self._seen += 1
            if self._seen % self.every == 0:
                self._frame, self._taken = self._arm.frame, self._time()
        return self._frame, self._taken

    def close(self) -> None:
        """Unplug it."""


class VirtualPort:
    """A serial port with a wire at its other end, as Feetech's `PortHandler`."""

    def __init__(self, wire: Wire, time: VirtualTime) -> None:
        self._wire, self._time, self._arrived = wire, time, bytearray()
        self.is_using, self._timeout = False, (0.0, 0.0)
        self.ser: Any = self  # its `reset_input_buffer` is used

    def openPort(self) -> bool:
        return True

    def setBaudRate(self, baud: int) -> bool:
        return baud > 0

    def closePort(self) -> None:
        """Close the port."""

    def clearPort(self) -> None:
        """Send what waits."""

    def reset_input_buffer(self) -> None:
        """Forget what arrived."""
        self._arrive()
        self._arrived.clear()

    def writePort(self, packet: Sequence[int]) -> int:
        """Send a packet; returns its length."""
        self._time.sleep(_BYTE * len(packet))
        self._wire.told(bytes(packet), self._time())
        return len(packet)

    def readPort(self, length: int) -> list[int]:
        """Return at most so many bytes that arrived; looking costs time."""
        self._arrive()
        data = list(self._arrived[:length])
        del self._arrived[:length]
        self._time.sleep(_BYTE * len(data) if data else _LOOK)
        return data

    def _arrive(self) -> None:
        self._arrived += self._wire.due(self._time())

    def setPacketTimeout(self, length: int) -> None:
        """Wait for an answer of so many bytes, as long as Feetech's library does."""
        self.setPacketTimeoutMillis(1000 * _BYTE * length + 34.0)

    def setPacketTimeoutMillis(self, milliseconds: float) -> None:
        """Wait for so long."""
        self._timeout = self._time(), milliseconds / 1000

    def isPacketTimeout(self) -> bool:
        """Return whether that is over."""
        start, wait = self._timeout
        return self._time() - start > wait
