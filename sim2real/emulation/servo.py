"""A Feetech STS3215 as its bus sees it: a control table, and the rules for writing it."""

from collections.abc import Mapping
from types import MappingProxyType

from sim2real.robots.sts3215 import REGISTERS, content, number
from sim2real.robots.units import TICKS

MODEL = 777
SIZE, EEPROM = 87, 40  # bytes of the table; those before this one keep their value without power
_AMBIENT = 30  # degrees Celsius

FACTORY: Mapping[str, int] = MappingProxyType(
    {
        "firmware": 3, "firmware_minor": 10, "model": MODEL, "baud": 0, "return_delay": 250, "low": 0, "high": 4095,
        "hottest": 70, "most_volts": 80, "least_volts": 40, "most_torque": 1000, "phase": 12, "p": 32, "d": 32, "i": 0,
        "protection_current": 500, "mode": 0, "protective_torque": 20, "protection_time": 200, "overload_torque": 80,
        "torque_limit": 1000, "lock": 1, "voltage": 74, "temperature": _AMBIENT, "most_acceleration": 254,
    }
)  # fmt: skip

READ_ONLY = frozenset(range(5)) | frozenset(range(56, SIZE)) - {85}


class Servo:
    """One servo's control table.

    Args:
        number: id on the bus.
        settings: values by name that differ from FACTORY's.
    """

    def __init__(self, number: int, settings: Mapping[str, int] | None = None) -> None:
        self._table = bytearray(SIZE)
        self.error = 0
        for name, value in {**FACTORY, "id": number, **(settings or {})}.items():
            self[name] = value

    def __getitem__(self, name: str) -> int:
        """Return a register's number."""
        start, size = REGISTERS[name]
        return number(bytes(self._table[start : start + size]), name)

    def __setitem__(self, name: str, value: int) -> None:
        """Set a register, as the servo itself does, without the rules for writing."""
        start, size = REGISTERS[name]
        self._table[start : start + size] = content(int(value), name)

    def read(self, start: int, size: int) -> bytes:
        """Return bytes of the table; zeros beyond its end."""
        return bytes(self._table[start : start + size]).ljust(size, b"\0")

    def write(self, start: int, data: bytes) -> None:
        """Write bytes as a computer does.

        What is measured stays. Settings (the EEPROM) are only taken while it is unlocked and the torque is off.
        """
        settled = self["lock"] or self["torque"]
        for address, value in enumerate(data, start):
            if address < SIZE and address not in READ_ONLY and not (address < EEPROM and settled):
                self._table[address] = value
        if start <= REGISTERS["goal"][0] < start + len(data) and self["low"] < self["high"]:
            self["goal"] = min(max(self["goal"], self["low"]), self["high"])

    def seen(self, raw: float) -> int:
        """Return the position that is reported for the shaft's own angle, in ticks of a turn: less the offset."""
        return round(raw - self["homing_offset"]) % TICKS
