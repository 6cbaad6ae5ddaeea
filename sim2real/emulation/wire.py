"""A serial bus with servos on it: takes the computer's bytes, and gives those that it gets back, with faults if any."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim2real.emulation.packets import (
    ACTION,
    BROADCAST,
    PING,
    READ,
    REG_WRITE,
    SYNC_READ,
    SYNC_WRITE,
    WRITE,
    Instruction,
    Receiver,
    packed,
)
from sim2real.emulation.servo import Servo


@dataclass
class Faults:
    """What goes wrong on a bus; may be changed at any time.

    Attributes:
        silent: nothing answers, as with the power off.
        dead: ids of servos that do not answer.
        corrupt_every, lose_every: every such answer has a wrong bit, or never comes; 0: none.
        late_every: every such answer comes `late` s after it was asked for; 0: none.
    """

    silent: bool = False
    dead: set[int] = field(default_factory=set)
    corrupt_every: int = 0
    lose_every: int = 0
    late_every: int = 0
    late: float = 0.05


class Wire:
    """The servos of an arm by id, on one bus.

    Attributes:
        packets: instructions that arrived whole.
        answers: that were due, whether or not a fault kept them back.
    """

    def __init__(self, servos: Mapping[int, Servo], faults: Faults | None = None) -> None:
        self.servos, self.faults = dict(servos), faults or Faults()
        self.packets, self.answers = 0, 0
        self._receiver = Receiver()
        self._waiting: dict[int, Instruction] = {}  # what REG_WRITE told, until ACTION
        self._due: list[tuple[float, bytes]] = []

    @property
    def damaged(self) -> int:
        """Return the number of packets from the computer with a wrong checksum."""
        return self._receiver.damaged

    def told(self, data: bytes, now: float) -> None:
        """Take bytes from the computer at a time [s]."""
        for instruction in self._receiver.received(data):
            self.packets += 1
            self._obey(instruction, now)

    def due(self, now: float) -> bytes:
        """Return the bytes that arrive at the computer by a time [s]."""
        ready = b"".join(data for at, data in self._due if at <= now)
        self._due = [(at, data) for at, data in self._due if at > now]
        return ready

    def next_due(self) -> float | None:
        """Return when [s] the next bytes are due; None: nothing is."""
        return min((at for at, _ in self._due), default=None)

    def _obey(self, told: Instruction, now: float) -> None:
        data = told.parameters
        if self.faults.silent:
            return
        if told.kind == SYNC_READ and len(data) >= 2:
            for number in data[2:]:
                self._answer(number, now, data[0], data[1])
        elif told.kind == SYNC_WRITE and len(data) >= 2:
            step = data[1] + 1
            for k in range(2, len(data) - step + 1, step):
                self._write(data[k], data[0], data[k + 1 : k + step])
        elif told.kind == ACTION:
            for number, held in list(self._waiting.items()):
                self._write(number, held.parameters[0], held.parameters[1:])
            self._waiting.clear()
        elif told.kind in (PING, READ, WRITE, REG_WRITE):
            self._told_alone(told, now)

    def _told_alone(self, told: Instruction, now: float) -> None:
        data = told.parameters
        numbers = list(self.servos) if told.servo == BROADCAST else [told.servo]
        for number in numbers:
            if told.kind == READ and len(data) >= 2:
                self._answer(number, now, data[0], data[1])
                continue
            if told.kind == WRITE and data:
                self._write(number, data[0], data[1:])
            elif told.kind == REG_WRITE and data and number in self.servos:
                self._waiting[number] = told
            if told.kind == PING or told.servo != BROADCAST:
                self._answer(number, now)

    def _lives(self, number: int) -> bool:
        return number in self.servos and number not in self.faults.dead

    def _write(self, number: int, start: int, data: bytes) -> None:
        if self._lives(number):
            self.servos[number].write(start, data)

    def _answer(self, number: int, now: float, start: int = 0, size: int = 0) -> None:
        if not self._lives(number):
            return
        servo, faults = self.servos[number], self.faults
        answer = bytearray(packed(number, servo.error, servo.read(start, size)))
        self.answers += 1
        if _turn(self.answers, faults.lose_every):
            return
        if _turn(self.answers, faults.corrupt_every):
            answer[-1] ^= 0x01
        self._due.append((now + (faults.late if _turn(self.answers, faults.late_every) else 0.0), bytes(answer)))


def _turn(count: int, every: int) -> bool:
    return every > 0 and count % every == 0
