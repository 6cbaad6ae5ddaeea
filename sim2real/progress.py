"""Progress of long work, with one protocol for all of it. Needs only the standard library."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

NOTHING: Mapping[str, float] = MappingProxyType({})


class Progress(Protocol):
    """Called with the amount done and the total, in any unit, and with figures to show."""

    def __call__(self, done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None: ...


Stages = Callable[[str], Progress]
"""Maps the name of a stage to its progress: `report = stages("fit"); report(3, 10, {"loss": 0.2})`."""


def silent(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
    """Show nothing."""


def no_stages(name: str) -> Progress:
    """Show nothing of any stage."""
    return silent


def prefixed(stages: Stages, prefix: str) -> Stages:
    """Return stages whose names get a prefix."""
    return lambda name: stages(f"{prefix}: {name}")


def part_of(progress: Progress, index: int, count: int) -> Progress:
    """Return the progress of part `index` of `count` equal parts; earlier parts are done."""
    return lambda done, total, figures=NOTHING: progress(index * total + done, count * total, figures)
