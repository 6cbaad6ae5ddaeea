"""Robots as their recordings show them: names and units at the boundary of a dataset, radians inside."""

from sim2real.errors import InputError
from sim2real.robots.description import RobotDescription
from sim2real.robots.so101 import SO101

ROBOTS = {robot.name: robot for robot in (SO101,)}


def find_robot(name: str) -> RobotDescription:
    """By name or by LeRobot's `robot_type`; raises InputError that lists the names there are."""
    for robot in ROBOTS.values():
        if name in (robot.name, *robot.types):
            return robot
    raise InputError(f"no robot {name!r}; there are: {', '.join(sorted(ROBOTS))}")


__all__ = ["ROBOTS", "RobotDescription", "find_robot"]
