"""Tasks by name: what commands, gymnasium ids and contract tests go by."""

from collections.abc import Callable

from envs.randomization import suggest
from envs.task import Task

SPLITS = ("train", "test", "recording", "rehearsal")
"""To learn from; to test on in simulation; and of the stand-in for a real robot, whose cameras give whole frames: to
record, and to test on."""
_FACTORIES: dict[str, Callable[[str], Task]] = {}


def register_task(name: str, factory: Callable[[str], Task]) -> None:
    """Make a task known by name.

    Args:
        factory: builds it for a split, one of SPLITS; no split shows what another one has shown.
    """
    _FACTORIES[name] = factory


def task_names() -> tuple[str, ...]:
    """All registered tasks."""
    return tuple(sorted(_FACTORIES))


def make_task(name: str, split: str = "train") -> Task:
    """A new task by name, with or without the prefix and suffix of its gymnasium id.

    Raises:
        ValueError: unknown task or split; the valid ones are listed.
    """
    short = name.removeprefix("sim2real/").removesuffix("-v0")
    if short not in _FACTORIES:
        raise ValueError(f"no task {name!r}; {suggest(short, _FACTORIES)}")
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}; valid: {', '.join(SPLITS)}")
    return _FACTORIES[short](split)
