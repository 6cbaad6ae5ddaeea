"""The person beside a robot, as a program that moves it sees them. Needs NumPy alone."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from sim2real.robots.playback import GO, Program, Wish
from sim2real.robots.robot import Robot


def _say_nothing(text: str, program: Program | None = None) -> None:
    """Let nobody know."""


def _answer_nothing(question: str) -> str:
    """Raise EOFError: nobody is there to answer."""
    raise EOFError(f"nobody is there to answer: {question}")


def close(robot: Robot, holds: bool, note: Callable[[str], object] = warnings.warn) -> None:
    """Close a robot; an error of closing becomes a note, so that what was done until then is not lost for it.

    Args:
        holds: its servos carry its weight; nobody is asked to support it here.
        note: is told of the error, in a line.
    """
    try:
        robot.close()
    except OSError as error:
        text = " ".join(str(error).split())
        note(f"the robot was not closed properly ({text}): make sure that its servos are off")


@dataclass(frozen=True)
class Supervisor:
    """What whoever stands beside a robot is told, wants and answers; by default nobody is there.

    Attributes:
        present: somebody is there; where nobody is, an arm is taken back to where it was before it is let go.
        announce: is called with a line before anything moves, and with the commands to be played where there are any:
            `announce("episode 3 of a so101", program)`, `announce("going home, slowly")`.
        wish: returns what they want now: `sim2real.robots.playback.GO`, PAUSE or STOP; asked before every command.
        ask: shows a question and returns the answer; raises EOFError where nobody can answer.
        let_go: closes the robot at the end, whatever happened: `let_go(robot, holds)`; with `holds` its servos carry
            its weight, and it goes limp. An OSError of closing must not leave it.
    """

    present: bool = False
    announce: Callable[..., None] = _say_nothing
    wish: Wish = lambda: GO
    ask: Callable[[str], str] = _answer_nothing
    let_go: Callable[[Robot, bool], None] = close
