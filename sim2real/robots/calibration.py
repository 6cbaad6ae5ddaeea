"""Conversion of servo ticks by LeRobot's calibration file; needs NumPy only."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.units import TICKS

_ENTRY = ("id", "range_min", "range_max", "homing_offset")
SLACK = 10  # ticks (0.9°) beyond the calibrated range, where a joint may rest at its stop


def lerobot_folder() -> Path:
    """Return the folder in which LeRobot keeps the calibrations of robots, a folder per type."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    own = Path(os.environ.get("HF_LEROBOT_HOME") or home / "lerobot")
    return Path(os.environ.get("HF_LEROBOT_CALIBRATION") or own / "calibration").expanduser() / "robots"


def new_calibration(name: str, types: Sequence[str]) -> Path:
    """Return where LeRobot looks for the calibration of a new id: in the folder of a type's latest name.

    LeRobot 0.6 has one for all SO arms, `so_follower`; where only a folder of an older name exists, it is an older one.

    Args:
        types: `robot_type` of such robots in LeRobot, oldest first.
    """
    there = [kind for kind in types if (lerobot_folder() / kind).is_dir()]
    return lerobot_folder() / (there or types)[-1] / f"{name}.json"


def find_calibration(named: Path, types: Sequence[str]) -> Path:
    """Return a calibration's path: the file itself, or that of a robot's id in LeRobot's folder.

    Args:
        types: `robot_type` of such robots in LeRobot.

    Raises:
        InputError: there is neither.
    """
    if named.is_file():
        return named
    folder = lerobot_folder()
    kept = [folder / kind / f"{named.name}.json" for kind in types]
    if named.name == str(named) and (found := [path for path in kept if path.is_file()]):
        return max(found, key=lambda path: path.stat().st_mtime)  # LeRobot renamed the type, and keeps both
    there = sorted(path.stem for kind in types for path in (folder / kind).glob("*.json"))
    ids = f"; LeRobot knows {', '.join(there)}" if there else ""
    raise InputError(f"no calibration {named}: name a file, or the id that LeRobot calibrated the arm as{ids}")


@dataclass(frozen=True)
class Calibration:
    """LeRobot's calibration of an arm: ticks at both ends of each joint's range.

    Attributes:
        ids: ids of the servos.
        low, high: (J,) ticks at the ends.
        offset: (J,) ticks that the servo takes off its own angle (`homing_offset`).
        zero, scale: (J,) rad = zero + scale * (ticks - middle of the range).
    """

    ids: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray
    offset: np.ndarray
    zero: np.ndarray
    scale: np.ndarray

    @staticmethod
    def load(path: Path, joints: Sequence[str], gripper: str | None, limits: np.ndarray) -> "Calibration":
        """Load LeRobot's JSON file.

        Args:
            limits: (J, 2) limits of the model [rad]; the gripper's calibrated range covers its limits, and for other
                joints the middle of the range is zero.

        Raises:
            InputError: the file is missing or does not calibrate these joints.
        """
        try:
            entries = json.loads(path.read_text())
            rows = [[int(entries[joint][name]) for name in _ENTRY] for joint in joints]
            turned = [joint for joint in joints if int(entries[joint].get("drive_mode", 0))]
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            content = f"(JSON: id, range_min, range_max, homing_offset) of {', '.join(joints)}"
            raise InputError(f"{path} is not a LeRobot calibration {content}") from None
        ids, low, high, offset = np.array(rows).T
        if turned or (low >= high).any() or low.min() < 0 or high.max() >= TICKS:
            raise InputError(f"{path}: every range must be within 0…{TICKS - 1} ticks, and no joint may be reversed")
        zero, scale = np.zeros(len(rows)), np.full(len(rows), 2 * np.pi / TICKS)
        if gripper is not None:
            j = list(joints).index(gripper)
            zero[j] = limits[j].mean()
            scale[j] = (limits[j, 1] - limits[j, 0]) / (high[j] - low[j])
        return Calibration(tuple(ids.tolist()), low.astype(float), high.astype(float), offset, zero, scale)

    def to_radians(self, ticks: np.ndarray) -> np.ndarray:
        """Convert (J,) ticks to rad."""
        return self.zero + self.scale * (np.asarray(ticks, float) - (self.low + self.high) / 2)

    def outside(self, ticks: np.ndarray) -> np.ndarray:
        """Return (J,) bool, whether joints are too far outside the calibrated range and would jump into it."""
        return (ticks < self.low - SLACK) | (ticks > self.high + SLACK)

    def to_ticks(self, radians: np.ndarray) -> np.ndarray:
        """Convert (J,) rad to integer ticks, clipped to the calibrated range."""
        ticks = (np.asarray(radians, float) - self.zero) / self.scale + (self.low + self.high) / 2
        return np.clip(np.round(ticks), self.low, self.high).astype(int)
