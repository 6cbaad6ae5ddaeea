"""What an exported policy does between LeRobot's observation and LeRobot's action; needs no LeRobot."""

import dataclasses
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.export.exported import ExportedPolicy
from sim2real.robots import ROBOTS, RobotDescription
from sim2real.robots.boundary import JointBoundary
from sim2real.robots.calibration import Calibration, find_calibration
from sim2real.robots.playback import make_program
from sim2real.robots.units import DEGREE_TICK, TICKS, JointUnits

NEAR = 0.15  # rad from the home pose, from where on the policy acts at once


class Episode:
    """One robot's episode in LeRobot's units: the loop's conversions and limits around `ExportedPolicy.act`.

    Args:
        policy: an exported policy of an arm.
        units: units of the robot's joints, as `lerobot_units` returns them.
        home: whether the arm first moves slowly to the pose in which the policy's episodes begin.

    Raises:
        InputError: a policy of another robot than an arm.
    """

    def __init__(self, policy: ExportedPolicy, units: JointUnits, home: bool = True) -> None:
        self._policy, self._units, self._boundary = policy, units, joint_boundary(policy)
        self._home = policy.home if home else None
        self._way: list[np.ndarray] | None = None  # rad, targets until the policy acts
        self._led = np.zeros(0)  # rad, the last target on the way
        self._sent: np.ndarray | None = None

    def command(self, image: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Return joint targets (J,) float32, limited as `sim2real.robots.loop.run_episode` limits them.

        Args:
            image: (3, H, W) RGB in 0…1, or uint8.
            state: (J,) measured joints. The policy's first one of an episode is also its first previous target.

        Raises:
            InputError: an image that is none, or a state that is not finite.
            UnsafeCommandError: no target can be commanded safely.
        """
        measured = self._units.to_radians(state)
        if self._way is None:
            self._way, self._led = self._way_home(measured), measured
        if not np.isfinite(measured).all():
            raise InputError(f"the state is not finite: {state.tolist()}")
        if self._way:
            return self._units.from_radians(self._homeward(self._way, measured)).astype(np.float32)
        sent = measured if self._sent is None else self._sent
        seen = {self._policy.preprocessing.key: grey_levels(image), "state": self._boundary.observed(measured, sent)}
        wanted = self._boundary.command(self._policy.act(seen), measured, sent)
        self._sent, _ = self._boundary.limits.apply(wanted, sent, measured)
        return self._units.from_radians(self._sent).astype(np.float32)

    def _homeward(self, way: list[np.ndarray], measured: np.ndarray) -> np.ndarray:
        """Return the next target (J,) on the way; an arm that does not follow is waited for, within its reach."""
        target, limited = self._boundary.limits.apply(way[0], self._led, measured)
        if not limited:
            way.pop(0)
        self._led = target
        return target

    def _way_home(self, measured: np.ndarray) -> list[np.ndarray]:
        """Return targets (J,) to the home pose along a minimum-jerk path; none from near it."""
        if self._home is None or np.abs(measured - self._home).max() <= NEAR:
            return []
        names, boundary = self._boundary.action_names, self._boundary
        program = make_program(names, self._home[None], boundary.limits, boundary.control_dt)
        return [*program.ease(measured), program.commands[0]]


def grey_levels(image: np.ndarray) -> np.ndarray:
    """Return a frame (H, W, 3) uint8 of one (3, H, W) in 0…1, which LeRobot made by dividing by 255.

    Raises:
        InputError: another shape, or values outside 0…1.
    """
    if image.ndim != 3 or image.shape[0] != 3:
        raise InputError(f"an image must be (3, H, W), not {image.shape}")
    if image.dtype != np.uint8:
        if not (image.min() >= 0 and image.max() <= 1):
            raise InputError(f"an image must be in 0…1, not {image.min():.3g}…{image.max():.3g}")
        image = np.round(image * 255).astype(np.uint8)
    return np.ascontiguousarray(image.transpose(1, 2, 0))


def joint_boundary(policy: ExportedPolicy) -> JointBoundary:
    """Return the boundary of an arm's policy; raises InputError for other policies."""
    if not isinstance(policy.boundary, JointBoundary):
        raise InputError(f"LeRobot drives arms; the policy of {policy.task or 'an unknown task'} is for another robot")
    return policy.boundary


def lerobot_units(boundary: JointBoundary, degrees: bool = True, calibration: str | None = None) -> JointUnits:
    """Return the units in which LeRobot measures and commands an arm's joints.

    Args:
        degrees: whether LeRobot does it in degrees, or in -100…100 of each joint's calibrated range; a gripper is in
            0…100 of its range in both.
        calibration: LeRobot's calibration file of this arm, or the id that LeRobot keeps it by; needed for -100…100.

    Raises:
        InputError: no such calibration, or none for -100…100.
    """
    robot = next((robot for robot in ROBOTS.values() if robot.own == boundary.robot_type), None)
    if not degrees:
        if robot is None or calibration is None:
            raise InputError(
                "joints in -100…100 need --policy.calibration: the calibration file of this arm, or its id"
            )
        return _normalized_units(robot, calibration)
    if robot is None:
        return boundary.units
    body = np.array([joint != robot.gripper for joint in boundary.joints])
    scale = np.where(body, 2 * np.pi / TICKS / DEGREE_TICK, boundary.units.scale)  # a servo's degree is not a degree
    return dataclasses.replace(boundary.units, scale=tuple(scale.tolist()))


def _normalized_units(robot: RobotDescription, calibration: str) -> JointUnits:
    path = find_calibration(Path(calibration), robot.types)
    ends = Calibration.load(path, robot.joints, robot.gripper, np.array(robot.limits))
    low, high = ends.to_radians(ends.low), ends.to_radians(ends.high)
    gripper = np.array([joint == robot.gripper for joint in robot.joints])
    scale, zero = (high - low) / np.where(gripper, 100, 200), np.where(gripper, low, (low + high) / 2)
    return JointUnits("normalized", tuple(scale.tolist()), tuple(zero.tolist()))
