"""Calibration of an arm by hand, as LeRobot does it: half-turn homing, then every joint to both of its ends."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.feetech import Bus, unlocked
from sim2real.robots.units import TICKS

MIDDLE = TICKS // 2 - 1  # ticks that a servo reports in the middle of its joint's range
FEWEST = 200  # ticks (18°) that a joint must be moved: less was forgotten
_FARTHEST = 2047  # ticks that an offset can be
_END = 8  # ticks from the end of a servo's turn


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
    everyone = range(len(joints))
    before = {name: bus.registers(name) for name in ("homing_offset", "low", "high")}
    with unlocked(bus, everyone):
        try:
            _write(bus, {"homing_offset": 0, "low": 0, "high": TICKS - 1})
            ask("move every joint to the middle of its range")
            offset = np.clip(bus.read().position - MIDDLE, -_FARTHEST, _FARTHEST)
            _write(bus, {"homing_offset": offset})
            low, high = _ranges(bus, joints, full_turn, moving)
            _write(bus, {"low": low, "high": high})
        except BaseException:
            with suppress(OSError):
                _write(bus, before)
            raise
    columns = zip(joints, ids, offset.tolist(), low.tolist(), high.tolist(), strict=True)
    return {
        joint: {"id": who, "drive_mode": 0, "homing_offset": shift, "range_min": least, "range_max": most}
        for joint, who, shift, least, most in columns
    }


def _ranges(
    bus: Bus,
    joints: Sequence[str],
    full_turn: str | None,
    moving: Callable[[np.ndarray, np.ndarray, np.ndarray], bool],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the most ticks (J,) that a person moves an arm to; see `calibrated`."""
    low = high = last = bus.read().position
    wrapped = np.zeros(len(joints), bool)
    while moving(low, here := bus.read().position, high):
        wrapped |= np.abs(here - last) > TICKS // 2
        low, high, last = np.minimum(low, here), np.maximum(high, here), here
    ends = [0 if name == full_turn else least for name, least in zip(joints, low.tolist(), strict=True)]
    tops = [TICKS - 1 if name == full_turn else most for name, most in zip(joints, high.tolist(), strict=True)]
    for j, name in enumerate(joints):
        if name == full_turn:
            continue
        if wrapped[j] or ends[j] < _END or tops[j] > TICKS - 1 - _END:
            raise InputError(f"{name} came to the end of its servo's turn: begin with it in the middle of its range")
        if tops[j] - ends[j] < FEWEST:
            raise InputError(f"{name} hardly moved: move every joint to both of its ends, and try again")
    return np.array(ends), np.array(tops)


def free(path: Path) -> None:
    """Raise InputError where a calibration is: it is easily lost."""
    if path.exists():
        raise InputError(f"{path} exists: an arm's calibration is easily lost; choose another name, or remove it first")


def keep(entries: dict[str, dict[str, int]], path: Path) -> None:
    """Write a calibration file; raises InputError where one is."""
    free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries, indent=4))


def _write(bus: Bus, settings: Mapping[str, int | np.ndarray]) -> None:
    for name, values in settings.items():
        for j, value in enumerate(np.broadcast_to(values, len(bus.read().position)).tolist()):
            bus.set(j, name, value)
