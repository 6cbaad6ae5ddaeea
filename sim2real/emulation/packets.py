"""The packets of Feetech's servos on a serial bus (protocol of the STS and SMS series)."""

from collections.abc import Iterator
from dataclasses import dataclass

PING, READ, WRITE, REG_WRITE, ACTION, SYNC_READ, SYNC_WRITE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x82, 0x83
BROADCAST = 0xFE
HEADER = b"\xff\xff"
_LONGEST = 250  # bytes of a packet; a longer one is a damaged length


@dataclass(frozen=True)
class Instruction:
    """What the computer tells servos: FF FF, id, length, instruction, parameters, checksum."""

    servo: int
    kind: int
    parameters: bytes = b""


def checksum(content: bytes) -> int:
    """Return the checksum of a packet's content, from the id to the last parameter."""
    return ~sum(content) & 0xFF


def packed(servo: int, second: int, parameters: bytes) -> bytes:
    """Return a packet; `second` is the instruction, or the error bits of an answer."""
    content = bytes((servo, len(parameters) + 2, second)) + parameters
    return HEADER + content + bytes((checksum(content),))


class Receiver:
    """Finds whole packets in a stream of bytes; damaged ones are skipped, as servos do."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.damaged = 0

    def received(self, data: bytes) -> Iterator[Instruction]:
        """Take bytes that arrived; yields the instructions that they complete."""
        self._bytes += data
        while True:
            start = self._bytes.find(HEADER)
            if start < 0:
                del self._bytes[: max(len(self._bytes) - 1, 0)]  # the last byte may begin a header
                return
            del self._bytes[:start]
            if len(self._bytes) < 4:
                return
            length = self._bytes[3]
            if self._bytes[2] == 0xFF or length < 2 or length > _LONGEST:
                del self._bytes[0]
                continue
            if len(self._bytes) < length + 4:
                return
            content, sum_ = bytes(self._bytes[2 : length + 3]), self._bytes[length + 3]
            if checksum(content) != sum_:
                self.damaged += 1
                del self._bytes[0]  # a header may follow within
                continue
            del self._bytes[: length + 4]
            yield Instruction(content[0], content[2], content[3:])
