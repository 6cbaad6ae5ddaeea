"""Robots and their recordings: LeRobot's names and units in datasets, radians inside this program."""

from sim2real.errors import InputError
from sim2real.robots.description import RobotDescription
from sim2real.robots.so101 import SO101

ROBOTS = {robot.name: robot for robot in (SO101,)}


def find_robot(name: str) -> RobotDescription:
    """Find a robot by name or LeRobot's `robot_type`; raises InputError that lists the names."""
    for robot in ROBOTS.values():
        if name in (robot.name, *robot.types):
            return robot
    raise InputError(f"no robot {name!r}; there are: {', '.join(sorted(ROBOTS))}")


__all__ = ["ROBOTS", "RobotDescription", "find_robot"]
