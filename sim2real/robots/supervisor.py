"""The interface of the person who supervises a robot. Needs NumPy only."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from sim2real.robots.playback import GO, Program, Wish
from sim2real.robots.robot import Robot


def _say_nothing(text: str, program: Program | None = None) -> None:
    """Ignore the announcement, as nobody is present."""


def _answer_nothing(question: str) -> str:
    """Raise EOFError, as nobody is present to answer."""
    raise EOFError(f"nobody is present to answer: {question}")


def close(robot: Robot, holds: bool, note: Callable[[str], object] = warnings.warn) -> None:
    """Close a robot; an error in closing becomes a note, so that earlier results are not lost.

    Args:
        holds: whether the servos carry the arm's weight; nobody is asked to support it here.
        note: called with the error, in one line.
    """
    try:
        robot.close()
    except OSError as error:
        text = " ".join(str(error).split())
        note(f"the robot was not closed properly ({text}): make sure that its servos are off")


@dataclass(frozen=True)
class Supervisor:
    """The person beside a robot; by default nobody is present.

    Attributes:
        present: whether somebody is present; otherwise an arm returns to its original position before it is released.
        announce: called with a line before anything moves, and with the commands to be played, if any:
            `announce("episode 3 of a so101", program)`, `announce("moving home, slowly")`.
        wish: called before every command; returns `sim2real.robots.playback.GO`, PAUSE or STOP.
        pressed: returns the text typed since its last call, while a robot moves.
        ask: shows a question and returns the answer; raises EOFError if nobody can answer.
        let_go: closes the robot at the end, in any case: `let_go(robot, holds)`; with `holds` its servos carry its
            weight, and it goes limp. It must not raise an OSError of closing.
    """

    present: bool = False
    announce: Callable[..., None] = _say_nothing
    wish: Wish = lambda: GO
    pressed: Callable[[], str] = lambda: ""
    ask: Callable[[str], str] = _answer_nothing
    let_go: Callable[[Robot, bool], None] = close
