"""The command line that has given settings."""

import dataclasses
import shlex
import typing
from typing import Any

import tyro


def command_line(verb: str, config: Any) -> str:
    """Return `sim2real VERB ...` with which the command has exactly these settings; defaults are left out.

    Arguments that have a default and no option, such as a second checkpoint, must have it.

    Raises:
        ValueError: the command line cannot say them.
    """
    positional, options = _words(config, "")
    words = [*positional, *options]
    said = tyro.cli(type(config), args=words, config=(tyro.conf.PositionalRequiredArgs,))
    if said != config:
        raise ValueError(f"{shlex.join(words)} means {said}, not {config}")
    return shlex.join(["sim2real", verb, *words])


def _words(config: Any, prefix: str) -> tuple[list[str], list[str]]:
    """Return the words of settings: those without a default, by position, and the options that differ from theirs."""
    hints = typing.get_type_hints(type(config), include_extras=True)
    positional: list[str] = []
    options: list[str] = []
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), field.name.replace("_", "-")
        if dataclasses.is_dataclass(value):
            unnamed = any(getattr(each, "name", None) == "" for each in getattr(hints[field.name], "__metadata__", ()))
            options += _words(value, prefix if unnamed else f"{prefix}{name}.")[1]
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            positional.append(str(value))
        elif value != (field.default_factory() if callable(field.default_factory) else field.default):
            if isinstance(value, bool):
                options.append(f"--{prefix}{'' if value else 'no-'}{name}")
            else:
                options += [f"--{prefix}{name}", *map(str, value if isinstance(value, tuple) else [value])]
    return positional, options
