"""Registry of tasks by name, for commands, gymnasium ids and contract tests."""

import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

import gymnasium

from envs.errors import InputError, suggest

if TYPE_CHECKING:
    from envs.task import Task

SPLITS = ("train", "validation", "test", "recording", "rehearsal")
"""Splits for training, validation and tests in simulation; and for recording and testing the rehearsal robot, whose
cameras give full frames."""
Factory = Callable[..., "Task"]
_FACTORIES: dict[str, Factory | str] = {}


def register_task(name: str, factory: Factory | str) -> None:
    """Register a task by name.

    Args:
        factory: makes the task for a split, one of SPLITS, whose episodes are disjoint, and optional variants; with
            a keyword `layout`, in that one world. As text, `module:function`, it is imported when the task is first
            made.
    """
    _FACTORIES[name] = factory


def register_gymnasium(name: str) -> None:
    """Register a task with gymnasium.make and make_vec as `sim2real/NAME-v0`; options are those of BatchEnv."""
    gymnasium.register(
        f"sim2real/{name}-v0",
        entry_point="envs.single_env:make_single",
        vector_entry_point="envs.single_env:make_vector",
        # The task's time limit truncates episodes.
        order_enforce=True,
        kwargs={"task": name},
    )


def task_names() -> tuple[str, ...]:
    """Return the names of all registered tasks."""
    return tuple(sorted(_FACTORIES))


def make_task(name: str, split: str = "train", *, layout: int | None = None) -> "Task":
    """Make a new task by name, with or without the prefix and suffix of its gymnasium id.

    Args:
        name: variants of the task follow after colons: `Reach:absolute`, `Reach:franka_emika_panda`, or the rebuilt
            track `LaneFollow:track_2`.
        layout: number of the one world that all episodes share, the same in every split; None: every episode draws one.

    Raises:
        InputError: an unknown task, variant or split (the valid ones are listed), or a task without layouts.
    """
    short, *variants = name.removeprefix("sim2real/").removesuffix("-v0").split(":")
    if short not in _FACTORIES:
        raise InputError(f"no task {name!r}; {suggest(short, _FACTORIES)}")
    if split not in SPLITS:
        raise InputError(f"no split {split!r}; valid: {', '.join(SPLITS)}")
    factory = _factory(short)
    options = {} if layout is None else {"layout": layout}
    if not options.keys() <= inspect.signature(factory).parameters.keys():
        raise InputError(f"{short} has no layouts: every episode draws its own world")
    try:
        inspect.signature(factory).bind(split, *variants, **options)
    except TypeError:
        raise InputError(f"{short} has no such variants: {name!r} does not exist") from None
    return factory(split, *variants, **options)


def pinned(name: str) -> str:
    """Return the name of a task with the hash of the track that its worlds show, NAME@HASH; other names unchanged.

    A task of that name cannot be made of another track, so checkpoints keep it.

    Raises:
        InputError: as make_task.
    """
    full = make_task(name).spec.name
    return full if "@" in full else name


def _factory(name: str) -> Factory:
    factory = _FACTORIES[name]
    if not isinstance(factory, str):
        return factory
    module, _, function = factory.partition(":")
    return getattr(importlib.import_module(module), function)
