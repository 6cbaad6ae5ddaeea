"""Calibration of an arm by hand, as LeRobot does it: half-turn homing, then every joint to both of its ends."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.feetech import Bus
from sim2real.robots.sts3215 import TURN

MIDDLE = TURN // 2 - 1  # ticks that a servo reports in the middle of its joint's range
FEWEST = 200  # ticks (18°) that a joint must be moved: less was forgotten
_FARTHEST = 2047  # ticks that an offset can be


def calibrated(
    bus: Bus,
    joints: Sequence[str],
    ids: Sequence[int],
    full_turn: str | None,
    ask: Callable[[str], object],
    moving: Callable[[np.ndarray, np.ndarray, np.ndarray], bool],
) -> dict[str, dict[str, int]]:
    """Measure an arm's offsets and ranges, write them into its servos, and return them as LeRobot's file has them.

    The servos are limp throughout.

    Args:
        full_turn: a joint that turns around without an end: its range is the whole turn.
        ask: called with what the person is to do; returns when it is done.
        moving: called with the least, present and most ticks (J,) so far; returns whether the person still moves.

    Raises:
        InputError: a joint was hardly moved, or came near the end of its servo's turn.
        OSError: a servo does not answer.
    """
    bus.torque(False)
    _write(bus, {"lock": 0})
    _write(bus, {"homing_offset": 0, "low": 0, "high": TURN - 1})
    ask("move every joint to the middle of its range")
    offset = bus.read().position - MIDDLE
    offset = np.clip(offset, -_FARTHEST, _FARTHEST)
    _write(bus, {"homing_offset": offset})
    low = high = bus.read().position
    while moving(low, here := bus.read().position, high):
        low, high = np.minimum(low, here), np.maximum(high, here)
    low, high = low.copy(), high.copy()
    if full_turn is not None:
        low[list(joints).index(full_turn)], high[list(joints).index(full_turn)] = 0, TURN - 1
    if forgotten := [joints[int(j)] for j in np.flatnonzero(high - low < FEWEST)]:
        raise InputError(f"{', '.join(forgotten)} hardly moved: move every joint to both of its ends, and try again")
    _write(bus, {"low": low, "high": high})
    _write(bus, {"lock": 1})
    columns = zip(joints, ids, offset.tolist(), low.tolist(), high.tolist(), strict=True)
    return {
        joint: {"id": who, "drive_mode": 0, "homing_offset": shift, "range_min": least, "range_max": most}
        for joint, who, shift, least, most in columns
    }


def free(path: Path) -> None:
    """Raise InputError where a calibration is: it is easily lost."""
    if path.exists():
        raise InputError(f"{path} exists: an arm's calibration is easily lost; choose another name, or remove it first")


def keep(entries: dict[str, dict[str, int]], path: Path) -> None:
    """Write a calibration file; raises InputError where one is."""
    free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries, indent=4))


def _write(bus: Bus, settings: dict[str, int | np.ndarray]) -> None:
    for name, values in settings.items():
        for j, value in enumerate(np.broadcast_to(values, len(bus.read().position)).tolist()):
            bus.set(j, name, value)
