"""The end of every command that moves a robot: its arm must not fall on anything."""

import sys

from launch.console import say
from sim2real.robots.robot import Robot


def let_go(robot: Robot, *, holds: bool) -> None:
    """Close a robot; one that holds an arm up goes limp only once somebody at the terminal supports it.

    An error of closing it becomes a note: what was done until then is not lost for it.

    Args:
        holds: its servos carry its weight; a simulated one needs nobody.
    """
    try:
        if holds and sys.stdin.isatty():
            input("support the arm, then press Enter: it will go limp ")
        elif holds:
            say("the arm goes limp: no terminal, so nobody was asked to support it")
    except (EOFError, KeyboardInterrupt):  # at once, then
        say("")
    finally:
        try:
            robot.close()
        except OSError as error:
            text = " ".join(str(error).split())
            say(f"the robot was not closed properly ({text}): make sure that its servos are off")
