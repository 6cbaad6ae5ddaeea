"""Feetech STS3215 servos on a serial bus: positions, what they feel, and the settings that a driver relies on.

Needs the extra `so101`, with Feetech's protocol library, and NumPy.
"""

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.sts3215 import REGISTERS, content, number

F = TypeVar("F", bound=Callable[..., Any])
BAUD = 1_000_000
ATTEMPTS = 3  # bytes are lost occasionally
REPLY = (0.020, 0.015, 0.015)  # s that answers are waited for: after a lost one a loop of 30 Hz is still in time
_FELT = REGISTERS["position"][0]  # from where on velocity, load, voltage, temperature and current follow
_SIZES = (15, 16, 17)  # bytes that are asked for in turn: a late answer has the size of an earlier question
_AMPERE, _VOLT = 0.0065, 0.1  # of a unit


def _unplugged(method: F) -> F:
    """Let a port that is gone be an OSError like any other: the serial library lets the terminal's own error pass."""

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            if type(error).__module__ != "termios":
                raise
            raise OSError(f"the port is gone ({error.args[-1]}): is the arm still plugged in?") from None

    return cast(F, call)


@dataclass(frozen=True)
class Felt:
    """What the servos of an arm feel, in the order of its joints.

    Attributes:
        position: (J,) ticks.
        velocity: (J,) ticks/s.
        load: (J,) share of the stall torque, signed.
        voltage: (J,) V.
        temperature: (J,) degrees Celsius.
        current: (J,) A.
        error: (J,) error bits, see `sts3215.ERRORS`.
    """

    position: np.ndarray
    velocity: np.ndarray
    load: np.ndarray
    voltage: np.ndarray
    temperature: np.ndarray
    current: np.ndarray
    error: np.ndarray


class Bus(Protocol):
    """The servos of one arm, in the order of its joints."""

    def read(self) -> Felt:
        """Return what the servos feel; raises OSError if one does not answer."""
        ...

    def write(self, ticks: np.ndarray) -> None:
        """Write goal positions (J,) [ticks]."""
        ...

    def torque(self, on: bool) -> None:
        """Switch the torque of all servos on or off."""
        ...

    def registers(self, name: str) -> np.ndarray:
        """Return (J,) values of a register; raises OSError if a servo does not answer."""
        ...

    def set(self, servo: int, name: str, value: int) -> None:
        """Set a register of the servo of one joint, counted from 0; raises OSError if it does not confirm."""
        ...

    def close(self) -> None:
        """Close the port."""
        ...


@contextmanager
def unlocked(bus: Bus, servos: Sequence[int]) -> Iterator[None]:
    """Open the settings of some joints' servos for writing; they are locked again whatever happens."""
    try:
        for j in servos:
            bus.set(j, "lock", 0)
        yield
    finally:
        for j in servos:
            with suppress(OSError):  # a dead one is locked when its power comes back
                bus.set(j, "lock", 1)


class FeetechBus:
    """Servos on a serial port, through Feetech's library.

    Args:
        port: name of the port.
        ids: of the servos.
        opened: opens the port, as Feetech's `PortHandler`; None: that.
        clock: [s] for what an answer is waited for.

    Raises:
        InputError: the library is not installed.
        OSError: the port cannot be opened, or not every servo answers.
    """

    def __init__(
        self,
        port: str,
        ids: Sequence[int],
        opened: Callable[[str], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            self._sdk: Any = importlib.import_module("scservo_sdk")
        except ImportError:
            raise InputError("Feetech's library is not installed: pip install 'sim2real[so101]'") from None
        self._ids, self._name, self._clock, self._asked = tuple(ids), port, clock, 0
        self._port, self._packets = (opened or self._sdk.PortHandler)(port), self._sdk.PacketHandler(0)
        try:
            opens = self._port.openPort() and self._port.setBaudRate(BAUD)
        except OSError as error:  # an errno would be taken for that of a file
            missing = isinstance(error, FileNotFoundError) or "No such file" in str(error)
            why = "no such serial port: is it plugged in?" if missing else error.strerror or error
            raise OSError(f"{port} cannot be opened: {why}") from None
        if not opens:
            raise OSError(f"{port} cannot be opened")
        try:
            self.read()
        except OSError:
            self._port.closePort()
            raise

    @_unplugged
    def read(self) -> Felt:
        """Read as `Bus.read`; servos that did not answer are asked again, at most for the sum of REPLY."""
        answers: dict[int, list[int]] = {}
        for wait in REPLY:
            missing = [who for who in self._ids if who not in answers]
            answers |= self._answers(missing, wait)
            if len(answers) == len(self._ids):
                return _felt([answers[who] for who in self._ids])
            self._emptied()
        silent = ", ".join(str(who) for who in self._ids if who not in answers)
        raise OSError(f"servos {silent} on {self._name} do not answer")

    @_unplugged
    def write(self, ticks: np.ndarray) -> None:
        """Write as `Bus.write`; raises OSError if the port refuses it."""
        start, size = REGISTERS["goal"]
        told = [part for who, goal in zip(self._ids, ticks, strict=True) for part in (who, *content(int(goal), "goal"))]
        done = self._packets.syncWriteTxOnly(self._port, start, size, told, len(told))
        if done != self._sdk.COMM_SUCCESS:
            self._emptied()
            raise OSError(f"{self._name} does not take goal positions")

    def torque(self, on: bool) -> None:
        """Switch as `Bus.torque`, all servos; raises OSError afterwards if one did not answer."""
        silent = []
        for k, who in enumerate(self._ids):
            try:
                self.set(k, "torque", int(on))
            except OSError:
                silent.append(str(who))
        if silent:
            raise OSError(f"servos {', '.join(silent)} on {self._name} did not confirm torque {'on' if on else 'off'}")

    @_unplugged
    def registers(self, name: str) -> np.ndarray:
        """Read as `Bus.registers`."""
        start, size = REGISTERS[name]
        values = []
        for who in self._ids:
            data = self._insisted(who, lambda who=who: self._packets.readTxRx(self._port, who, start, size), size)
            values.append(number(bytes(data), name))
        return np.array(values)

    @_unplugged
    def set(self, servo: int, name: str, value: int) -> None:
        """Set as `Bus.set`."""
        (start, size), who, data = REGISTERS[name], self._ids[servo], list(content(value, name))
        self._insisted(who, lambda: (None, *self._packets.writeTxRx(self._port, who, start, size, data)))

    def close(self) -> None:
        """Close as `Bus.close`."""
        self._port.closePort()

    def _answers(self, asked: Sequence[int], wait: float) -> dict[int, list[int]]:
        """Ask servos what they feel; return the parameters of the answers that arrive within `wait` s, by id."""
        self._asked += 1
        size, found = _SIZES[self._asked % len(_SIZES)], {}
        if self._packets.syncReadTx(self._port, _FELT, size, list(asked), len(asked)) != self._sdk.COMM_SUCCESS:
            return found
        until = self._clock() + wait
        while len(found) < len(asked) and self._clock() < until:
            self._port.setPacketTimeoutMillis(1000 * max(until - self._clock(), 0.0))
            packet, result = self._packets.rxPacket(self._port)
            if result == self._sdk.COMM_SUCCESS and packet[2] in asked and len(packet) == size + 6:
                found[packet[2]] = packet[4:-1]  # the error byte, and what was asked for
        return found

    def _insisted(self, servo: int, ask: Callable[[], tuple[Any, int, int]], size: int = 0) -> Any:
        """Ask one servo until it answers with so many bytes, and return the answer; raises OSError."""
        for _ in range(ATTEMPTS):
            data, result, _ = ask()
            if result == self._sdk.COMM_SUCCESS and (data is None or len(data) == size):
                return data
            self._emptied()
        raise OSError(f"servo {servo} on {self._name} does not answer")

    def _emptied(self) -> None:
        """Forget what arrived too late: it would be taken for the next answer."""
        self._port.is_using = False
        self._port.ser.reset_input_buffer()


def _felt(answers: Sequence[Sequence[int]]) -> Felt:
    """Return what servos feel from their answers: the error byte, and the bytes from the position on."""
    raw = [bytes(answer) for answer in answers]

    def each(name: str) -> np.ndarray:
        start, size = REGISTERS[name]
        first = start - _FELT + 1
        return np.array([number(data[first : first + size], name) for data in raw])

    return Felt(
        position=each("position"),
        velocity=each("velocity"),
        load=each("load") / 1000,
        voltage=each("voltage") * _VOLT,
        temperature=each("temperature"),
        current=each("current") * _AMPERE,
        error=np.array([data[0] for data in raw]),
    )
