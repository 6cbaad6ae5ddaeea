"""The parts of a long command: the current part, and an estimate of the remaining time."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

FINISHED_BEFORE = 0.02  # share of the expected time: a part that took less was already finished by an earlier start


class Parts:
    """Announces each part, with an estimate of the total remaining time.

    Expected times matter only relative to each other: once a part has run, the machine's speed is known, and the
    estimate for the remaining parts is scaled by it.

    Args:
        expected: part -> seconds on two idle cores, in the order in which parts are carried out.
        say: prints a line.
        clock: s.
    """

    def __init__(
        self, expected: Mapping[str, float], say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._expected, self._say, self._clock = dict(expected), say, clock
        self._taken: dict[str, float] = {}
        self._left = list(expected)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Announce that this part begins, and measure how long it takes."""
        number = list(self._expected).index(name) + 1
        self._say(f"\npart {number} of {len(self._expected)}: {name} ({self.left()} left in total)")
        began = self._clock()
        yield
        self._taken[name] = self._clock() - began
        self._left.remove(name)

    def left(self) -> str:
        """Return the estimated time of the remaining parts, in words."""
        measured = [name for name, taken in self._taken.items() if taken > FINISHED_BEFORE * self._expected[name]]
        speed = sum(self._taken[n] for n in measured) / sum(self._expected[n] for n in measured) if measured else 1.0
        seconds = speed * sum(self._expected[name] for name in self._left)
        return f"about {round(seconds / 60)} min" if seconds >= 90 else f"about {max(round(seconds), 1)} s"
