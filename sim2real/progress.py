"""How far work has come: one protocol for everything that takes its time. Needs nothing but Python."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

NOTHING: Mapping[str, float] = MappingProxyType({})


class Progress(Protocol):
    """Is called with what is done and what there is in all, in any unit, and with figures that are worth showing."""

    def __call__(self, done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None: ...


Stages = Callable[[str], Progress]
"""From the name of a stage to its progress: `report = stages("fit"); report(3, 10, {"loss": 0.2})`."""


def silent(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
    """Show nothing."""


def no_stages(name: str) -> Progress:
    """Show nothing of any stage."""
    return silent


def prefixed(stages: Stages, prefix: str) -> Stages:
    """Return stages that are shown with a prefix before their names: those of a part of the work."""
    return lambda name: stages(f"{prefix}: {name}")


def part_of(progress: Progress, index: int, count: int) -> Progress:
    """Return the progress of one of `count` equal parts of a whole, those before `index` being done."""
    return lambda done, total, figures=NOTHING: progress(index * total + done, count * total, figures)
