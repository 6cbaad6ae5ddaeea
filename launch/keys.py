"""Keys pressed while something runs, without waiting for them."""

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def keys() -> Iterator[Callable[[], str]]:
    """Give a function that tells the keys pressed since it was last asked; none where there is no terminal."""
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
    found = ""
    while select.select([sys.stdin], [], [], 0)[0]:
        # Not sys.stdin.read: that keeps what it read ahead to itself, where select does not see it.
        typed = os.read(sys.stdin.fileno(), 1024)
        if not typed:  # the terminal is gone
            break
        found += typed.decode(errors="ignore")
    return found
