"""Simulation models of the supported robots."""

from envs.arms import so101
from envs.arms.arm import Arm
from envs.arms.servo import Servo
from sim2real.robots import RobotDescription

MODELS: dict[str, tuple[Arm, Servo]] = {"so101": (so101.SO101, so101.PUBLISHED)}
"""The arm and its published servo, by the robot's name."""


def arm_of(robot: RobotDescription) -> Arm:
    """Return the model of a robot's arm."""
    return MODELS[robot.name][0]


def published_servo(robot: RobotDescription) -> Servo:
    """Return the servo in the published model of a robot."""
    return MODELS[robot.name][1]
