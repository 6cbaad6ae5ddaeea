"""`sim2real calibrate so101`: calibrate an SO-101 by hand."""

import select
import sys
from pathlib import Path

import numpy as np

from launch.console import say

_OFTEN = 0.05  # s


def command(port: str, out: Path | None = None, id: str | None = None) -> None:
    """Calibrate an SO-101 by hand, as LeRobot does: half-turn homing, then every joint to both of its ends.

    The servos are limp. Offsets and limits are written into them, and into the file that LeRobot and our commands take.

    Example: sim2real calibrate so101 /dev/ttyACM0 --id follower

    Example: sim2real calibrate so101 emulated/port --out so101.json

    Args:
        port: serial port of the servos.
        out: the calibration file; it must not exist.
        id: instead: the name of this arm, by which LeRobot keeps its file.
    """
    from sim2real.errors import InputError
    from sim2real.robots import find_robot
    from sim2real.robots.calibration import new_calibration
    from sim2real.robots.feetech import FeetechBus
    from sim2real.robots.homing import calibrated, free, keep

    arm = find_robot("so101")
    if (out is None) == (id is None):
        raise InputError("name either --out, the calibration file, or --id, by which LeRobot keeps it")
    path = out if id is None else new_calibration(id, arm.types)
    assert path is not None
    free(path)
    ids = range(1, len(arm.joints) + 1)
    bus = FeetechBus(port, ids)
    try:
        entries = calibrated(bus, arm.joints, ids, "wrist_roll", _ask, _Moving(arm.joints))
    finally:
        bus.close()
    keep(entries, path)
    say(f"calibration: {path}")


def _ask(what: str) -> None:
    input(f"{what}, then press Enter ")


class _Moving:
    """Shows how far every joint was moved, until Enter."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        self._joints, self._asked = joints, False

    def __call__(self, low: np.ndarray, here: np.ndarray, high: np.ndarray) -> bool:
        if not self._asked:
            say("move every joint to both of its ends, then press Enter")
            self._asked = True
        if sys.stdout.isatty():
            parts = (f"{name} {a}…{b}" for name, a, b in zip(self._joints, low, high, strict=True))
            print("\r" + "  ".join(parts), end="", flush=True)
        done = bool(select.select([sys.stdin], [], [], _OFTEN)[0])
        if done:
            sys.stdin.readline()
        return not done
