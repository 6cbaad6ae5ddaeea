"""Tasks by name: what commands, gymnasium ids and contract tests go by."""

import inspect
from collections.abc import Callable

from envs.errors import InputError
from envs.randomization import suggest
from envs.task import Task

SPLITS = ("train", "validation", "test", "recording", "rehearsal")
"""To learn from; to select models on; to test on in simulation; and of the stand-in for a real robot, whose cameras
give whole frames: to record, and to test on."""
_FACTORIES: dict[str, Callable[..., Task]] = {}


def register_task(name: str, factory: Callable[..., Task]) -> None:
    """Make a task known by name.

    Args:
        factory: builds it for a split, one of SPLITS; no split shows what another one has shown. Variants follow as
            further arguments.
    """
    _FACTORIES[name] = factory


def task_names() -> tuple[str, ...]:
    """All registered tasks."""
    return tuple(sorted(_FACTORIES))


def make_task(name: str, split: str = "train") -> Task:
    """A new task by name, with or without the prefix and suffix of its gymnasium id.

    Args:
        name: variants of the task follow after colons: `Reach:absolute`, `Reach:franka_emika_panda`.

    Raises:
        InputError: unknown task, variant or split; the valid ones are listed.
    """
    short, *variants = name.removeprefix("sim2real/").removesuffix("-v0").split(":")
    if short not in _FACTORIES:
        raise InputError(f"no task {name!r}; {suggest(short, _FACTORIES)}")
    if split not in SPLITS:
        raise InputError(f"no split {split!r}; valid: {', '.join(SPLITS)}")
    factory = _FACTORIES[short]
    try:
        inspect.signature(factory).bind(split, *variants)
    except TypeError:
        raise InputError(f"{short} has no such variants, so there is no {name!r}") from None
    return factory(split, *variants)
