"""The person at the terminal while a robot moves: key presses, answers, and releasing the robot at the end."""

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from launch.console import reporting, say
from sim2real.progress import Progress, Stages
from sim2real.robots.playback import GO, PAUSE, STOP, Wish
from sim2real.robots.robot import Robot
from sim2real.robots.supervisor import Supervisor, close


@contextmanager
def keys() -> Iterator[Callable[[], str]]:
    """Give a function that returns the keys pressed since its last call; none without a terminal."""
    if not sys.stdin.isatty():
        yield lambda: ""
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed() -> str:
    text = ""
    while select.select([sys.stdin], [], [], 0)[0]:
        # Not sys.stdin.read: it buffers input, which select then does not see.
        typed = os.read(sys.stdin.fileno(), 1024)
        if not typed:  # the terminal is gone
            break
        text += typed.decode(errors="ignore")
    return text


def switch(pressed: Callable[[], str]) -> Callable[[], str]:
    """Return a function that reads the wish from the keys pressed so far: space pauses and resumes, q stops."""
    state = [GO]

    def wish() -> str:
        for key in pressed():
            if key == "q":
                state[0] = STOP
            elif key == " " and state[0] != STOP:
                state[0] = PAUSE if state[0] == GO else GO
        return state[0]

    return wish


def let_go(robot: Robot, holds: bool) -> None:
    """Close a robot; an arm that holds its own weight goes limp only after somebody at the terminal supports it.

    Args:
        holds: whether the servos carry the arm's weight; a simulated arm needs no support.
    """
    try:
        if holds and sys.stdin.isatty():
            input("support the arm, then press Enter: it will go limp ")
        elif holds:
            say("the arm goes limp: no terminal, so nobody was asked to support it")
    except (EOFError, KeyboardInterrupt, OSError):  # at once, then; also if the terminal is gone
        with suppress(OSError):
            say("")
    finally:
        close(robot, holds, say)


def at_terminal() -> Supervisor:
    """Return a supervisor for the person at the terminal; without one nobody is present. `switch` reads keys."""
    return Supervisor(
        present=sys.stdin.isatty(),
        announce=lambda text, program=None: say(text),
        ask=lambda question: input(question),  # looked up at every call, so that tests can replace it
        let_go=let_go,
    )


@contextmanager
def operating() -> Iterator[Supervisor]:
    """Give a supervisor for the person at the terminal whose keys are read, except while something is asked."""
    terminal, reading = at_terminal(), ExitStack()
    with reading:
        pressed = [reading.enter_context(keys())]

        def ask(question: str) -> str:
            reading.close()  # an answer is typed with echo and corrections
            try:
                return terminal.ask(question)
            finally:
                pressed[0] = reading.enter_context(keys())

        def release(robot: Robot, holds: bool) -> None:
            reading.close()
            pressed[0] = lambda: ""
            terminal.let_go(robot, holds)

        yield replace(terminal, ask=ask, pressed=lambda: pressed[0](), let_go=release)


@contextmanager
def beside_robot(announce: Callable[..., None]) -> Iterator[tuple[Stages, Supervisor]]:
    """Give progress bars and a supervisor for the person at the terminal; keys are read from the first stage on.

    Bars and key reading are stopped before anything is announced or asked.

    Args:
        announce: as in Supervisor.
    """
    terminal, wishes = at_terminal(), list[Wish]()
    with ExitStack() as shown:

        def stages(name: str) -> Progress:
            say("space: pause and resume; q: stop; Ctrl-C: stop")
            bars = shown.enter_context(reporting())
            wishes.append(switch(shown.enter_context(keys())))
            return bars(name)

        def put_away_and(function: Callable[..., None]) -> Callable[..., None]:
            def then(*arguments: object) -> None:
                shown.close()
                function(*arguments)

            return then

        yield (
            stages,
            replace(
                terminal,
                announce=put_away_and(announce),
                wish=lambda: wishes[-1]() if wishes else GO,
                let_go=put_away_and(terminal.let_go),
            ),
        )
