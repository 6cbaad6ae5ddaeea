# pyright: reportAttributeAccessIssue=false
"""What is known of a robot arm before a world exists: its model, joints, servos, where its tool is."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from envs.arms.servo import Servo


@dataclass(frozen=True)
class Mount:
    """A camera on the arm: body, place in it [m], quaternion body_from_camera (w x y z) in MuJoCo's camera frame."""

    body: str
    position: tuple[float, float, float]
    quat: tuple[float, float, float, float]


@dataclass(frozen=True)
class Arm:
    """A fixed-base arm whose joints are moved by position servos.

    Attributes:
        load: a new MjSpec of the arm alone, its base at the origin, z up, reaching along x; colliding geoms are those
            that may touch things.
        joints: J names, of joints and actuators alike, from the base on.
        servos: of each joint, the nominal ones.
        home: (J,) rad, a posture above the table from which tasks begin.
        tool: site between the fingertips, or at the flange.
        grasp: m, from the tool site, in its frame: the middle of what the fingers hold.
        gripper: the joint that closes the hand, None without one.
        opened, closed: rad, of the gripper.
        fingers: names of the geoms that hold things.
        wrist: camera on the hand.
        size: of room, objects and distances relative to those of the SO-101.
    """

    name: str
    load: Callable[[], mujoco.MjSpec]
    joints: tuple[str, ...]
    servos: tuple[Servo, ...]
    home: tuple[float, ...]
    tool: str
    grasp: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gripper: str | None = None
    opened: float = 0.0
    closed: float = 0.0
    fingers: tuple[str, ...] = ()
    wrist: Mount | None = None
    size: float = 1.0

    @property
    def nominal(self) -> dict[str, np.ndarray]:
        """(J,) per parameter of `Servo`."""
        return {name: np.array([getattr(s, name) for s in self.servos]) for name in self.servos[0].__dataclass_fields__}
