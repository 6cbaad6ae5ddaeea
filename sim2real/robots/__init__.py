"""Robots as their recordings show them: names and units at the boundary of a dataset, radians inside."""

from sim2real.robots.description import RobotDescription
from sim2real.robots.so101 import SO101

ROBOTS = {robot.name: robot for robot in (SO101,)}


def find_robot(name: str) -> RobotDescription:
    """By name; raises ValueError that lists the names there are."""
    if name not in ROBOTS:
        raise ValueError(f"no robot {name!r}; there are: {', '.join(sorted(ROBOTS))}")
    return ROBOTS[name]


__all__ = ["ROBOTS", "RobotDescription", "find_robot"]
