"""What ticks of an arm's servos mean, from LeRobot's calibration file; needs NumPy alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.units import TICKS

SLACK = 10  # ticks (0.9°) beyond the calibrated range, where a joint may come to rest on its stop


@dataclass(frozen=True)
class Calibration:
    """Of an arm, as LeRobot keeps it: ticks at both ends of each joint's range.

    Attributes:
        ids: of the servos.
        low, high: (J,) ticks.
        zero, scale: (J,) rad = zero + scale * (ticks - middle of the range).
    """

    ids: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray
    zero: np.ndarray
    scale: np.ndarray

    @staticmethod
    def load(path: Path, joints: Sequence[str], gripper: str | None, limits: np.ndarray) -> "Calibration":
        """From LeRobot's JSON file.

        Args:
            limits: (J, 2) rad, of the model: a gripper goes from the lower to the upper one over its calibrated range,
                of any other joint the middle of the range is zero.

        Raises:
            InputError: no such file, or one that does not calibrate these joints.
        """
        try:
            entries = json.loads(path.read_text())
            rows = [[int(entries[joint][name]) for name in ("id", "range_min", "range_max")] for joint in joints]
            turned = [joint for joint in joints if int(entries[joint].get("drive_mode", 0))]
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            wanted = ", ".join(joints)
            raise InputError(f"{path} is no LeRobot calibration (JSON: id, range_min, range_max) of {wanted}") from None
        ids, low, high = np.array(rows).T
        if turned or (low >= high).any() or low.min() < 0 or high.max() >= TICKS:
            raise InputError(f"{path}: every range must lie within 0…{TICKS - 1} ticks, no joint be turned round")
        zero, scale = np.zeros(len(rows)), np.full(len(rows), 2 * np.pi / TICKS)
        if gripper is not None:
            j = list(joints).index(gripper)
            zero[j] = limits[j].mean()
            scale[j] = (limits[j, 1] - limits[j, 0]) / (high[j] - low[j])
        return Calibration(tuple(ids.tolist()), low.astype(float), high.astype(float), zero, scale)

    def to_radians(self, ticks: np.ndarray) -> np.ndarray:
        """(J,) ticks to rad."""
        return self.zero + self.scale * (np.asarray(ticks, float) - (self.low + self.high) / 2)

    def outside(self, ticks: np.ndarray) -> np.ndarray:
        """(J,) bool: from here (J,) a joint would jump, as no goal is outside the calibrated range."""
        return (ticks < self.low - SLACK) | (ticks > self.high + SLACK)

    def to_ticks(self, radians: np.ndarray) -> np.ndarray:
        """(J,) rad to whole ticks, kept within the calibrated range."""
        ticks = (np.asarray(radians, float) - self.zero) / self.scale + (self.low + self.high) / 2
        return np.clip(np.round(ticks), self.low, self.high).astype(int)
