# pyright: reportAttributeAccessIssue=false
"""Description of a robot arm: its model, joints, servos and tool."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from envs.arms.servo import Servo


@dataclass(frozen=True)
class Mount:
    """A camera on the arm: body, position in it [m], quaternion body_from_camera (w x y z) in MuJoCo's camera frame."""

    body: str
    position: tuple[float, float, float]
    quat: tuple[float, float, float, float]


@dataclass(frozen=True)
class Arm:
    """A fixed-base arm whose joints are moved by position servos.

    Attributes:
        load: makes a new MjSpec of the arm, its base at the origin, z up, reaching along x; only geoms that may have
            contacts collide.
        joints: J names, of both joints and actuators, from the base on.
        servos: nominal servo of each joint.
        home: (J,) rad, a posture above the table at which tasks start.
        tool: site between the fingertips, or at the flange.
        grasp: middle of a grasped object in the tool site's frame [m].
        gripper: the joint that closes the gripper, None without one.
        opened, closed: gripper angles [rad].
        fingers: names of the geoms that grasp objects.
        wrist: camera on the gripper.
        hulls: makes a new MjSpec of the arm with the hulls of its links alone, to check postures; None: unknown.
        size: scale of room, objects and distances relative to the SO-101.
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
    hulls: Callable[[], mujoco.MjSpec] | None = None
    size: float = 1.0

    @property
    def nominal(self) -> dict[str, np.ndarray]:
        """Return (J,) values per parameter of `Servo`."""
        return {name: np.array([getattr(s, name) for s in self.servos]) for name in self.servos[0].__dataclass_fields__}
