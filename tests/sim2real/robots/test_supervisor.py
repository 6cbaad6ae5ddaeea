"""The person beside a robot: by default nobody is there."""

import pytest

from sim2real.robots.loopback import Loopback
from sim2real.robots.playback import GO
from sim2real.robots.supervisor import Supervisor


def test_nobody_answers_and_nothing_is_stopped():
    nobody = Supervisor()
    nobody.announce("the arm moves")
    assert nobody.wish() == GO and not nobody.present
    with pytest.raises(EOFError, match="how did it go"):
        nobody.ask("how did it go?")


def test_an_error_of_closing_is_a_note():
    closed: list[bool] = []
    robot = Loopback(("a",), 0.05, ())
    robot.close = lambda: closed.append(True)  # type: ignore[method-assign]
    Supervisor().let_go(robot, True)
    assert closed == [True]
    robot.close = lambda: (_ for _ in ()).throw(OSError("servo 2 is silent"))  # type: ignore[method-assign]
    with pytest.warns(UserWarning, match=r"not closed properly \(servo 2 is silent\)"):
        Supervisor().let_go(robot, True)
