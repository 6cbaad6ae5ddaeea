"""The simulation models of the robots whose logs can be read."""

from envs.arms import so101
from envs.arms.arm import Arm
from envs.arms.servo import Servo
from sim2real.robots import RobotDescription

MODELS: dict[str, tuple[Arm, Servo]] = {"so101": (so101.SO101, so101.PUBLISHED)}
"""By the robot's name: the arm, and its servo as the model's publisher has it."""


def arm_of(robot: RobotDescription) -> Arm:
    """Return the model of a robot's arm."""
    return MODELS[robot.name][0]


def published_servo(robot: RobotDescription) -> Servo:
    """Return the servo that the publisher of a robot's model gives it."""
    return MODELS[robot.name][1]
