"""The control table of Feetech's STS3215 servo, and how it writes numbers. Needs the standard library only."""

from collections.abc import Mapping
from types import MappingProxyType

REGISTERS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "firmware": (0, 1), "firmware_minor": (1, 1), "model": (3, 2), "id": (5, 1), "baud": (6, 1),
        "return_delay": (7, 1), "low": (9, 2), "high": (11, 2), "hottest": (13, 1), "most_volts": (14, 1),
        "least_volts": (15, 1), "most_torque": (16, 2), "phase": (18, 1), "p": (21, 1), "d": (22, 1), "i": (23, 1),
        "protection_current": (28, 2), "homing_offset": (31, 2), "mode": (33, 1), "protective_torque": (34, 1),
        "protection_time": (35, 1), "overload_torque": (36, 1), "torque": (40, 1), "acceleration": (41, 1),
        "goal": (42, 2), "goal_time": (44, 2), "goal_velocity": (46, 2), "torque_limit": (48, 2), "lock": (55, 1),
        "position": (56, 2), "velocity": (58, 2), "load": (60, 2), "voltage": (62, 1), "temperature": (63, 1),
        "status": (65, 1), "moving": (66, 1), "current": (69, 2), "most_acceleration": (85, 1),
    }
)  # fmt: skip
"""Name -> address and bytes; numbers are little-endian."""

SIGNS: Mapping[str, int] = MappingProxyType(
    {"homing_offset": 11, "goal": 15, "position": 15, "velocity": 15, "goal_velocity": 15, "load": 10, "current": 15}
)
"""The bit that is a number's sign: servos send sign and magnitude."""

VOLTAGE, ANGLE, OVERHEAT, OVERCURRENT, OVERLOAD = 1, 2, 4, 8, 32  # bits of an answer's error byte
ERRORS: Mapping[int, str] = MappingProxyType(
    {1: "has a wrong voltage", 2: "lost its angle", 4: "is too hot", 8: "draws too much current", 32: "is overloaded"}
)
"""What the bits of an answer's error byte mean."""


def signed(raw: int, bit: int) -> int:
    """Return the number that a servo sends as sign and magnitude."""
    return -(raw & ~(1 << bit)) if raw >> bit & 1 else raw


def unsigned(value: int, bit: int) -> int:
    """Return sign and magnitude of a number, which is limited to what fits."""
    return min(abs(value), (1 << bit) - 1) | (1 << bit if value < 0 else 0)


def number(raw: bytes, name: str) -> int:
    """Return the number in a register's bytes."""
    value = int.from_bytes(raw, "little")
    return signed(value, SIGNS[name]) if name in SIGNS else value


def content(value: int, name: str) -> bytes:
    """Return a register's bytes of a number."""
    raw = unsigned(value, SIGNS[name]) if name in SIGNS else value
    return raw.to_bytes(REGISTERS[name][1], "little")
