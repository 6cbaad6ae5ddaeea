"""Description of a robot, for reading its recordings."""

from dataclasses import dataclass

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.units import TICKS, JointUnits, check_values, read_units

MOVED = 5.0  # LeRobot's units: a joint with this travel has enough values to show their spacing


@dataclass(frozen=True)
class RobotDescription:
    """A robot arm that LeRobot records.

    Attributes:
        types: its `robot_type` in datasets.
        joints: J names; in a dataset they end in `.pos`.
        gripper: the joint that LeRobot measures from 0 (closed) to 100.
        limits: (J, 2) limits of the model [rad]; the middle of a joint's range is its zero in LeRobot.
        own: `robot_type` of recordings from our simulation, which are in degrees.
    """

    name: str
    types: tuple[str, ...]
    joints: tuple[str, ...]
    gripper: str
    limits: tuple[tuple[float, float], ...]
    own: str

    def units(self, states: np.ndarray, source: str, kind: str = "unknown") -> JointUnits:
        """Infer the units of measured values (n, J) of a recording from their spacing.

        Args:
            source: name of the recording, for errors.
            kind: its `robot_type`.

        Raises:
            InputError: the values are not in LeRobot's units, or joints moved but none shows the unit.
        """
        check_values(states, self.joints, self.gripper, source)
        units = read_units(states, self.joints, self.gripper, np.array(self.limits), kind == self.own)
        body = [j for j, joint in enumerate(self.joints) if joint != self.gripper]
        if all(self.joints[j] in units.assumed for j in body) and np.ptp(states[:, body], axis=0).max() > MOVED:
            raise InputError(f"{source}: joints move, but none in steps of servo ticks, so their units cannot be"
            " inferred; record for longer, and do not change LeRobot's values")  # fmt: skip
        travel = np.ptp(units.to_radians(states), axis=0)
        if travel.max() > 7:
            j = int(np.argmax(travel))
            raise InputError(f"{source}: {self.joints[j]} would move over {travel[j]:.3g} rad, more than a turn of its"
                             f" servo ({TICKS} ticks): these are not the units of a {self.name}")  # fmt: skip
        return units
