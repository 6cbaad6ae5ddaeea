"""Errors of user input: each says in one line what is wrong, where, and what to do.

Needs only the standard library.
"""

import difflib
import sys
from collections.abc import Iterable


class InputError(ValueError):
    """An input of the user or a file on disk cannot be used; commands print the line and exit.

    All other errors except OSError are bugs in this program.
    """


class CheckpointError(InputError):
    """A folder cannot be read or written as a checkpoint or run."""


class DatasetError(InputError):
    """A folder cannot be read or written as a dataset."""


class AlreadyFinished(InputError):
    """A run that should be resumed is already finished."""


def suggest(word: str, valid: Iterable[str]) -> str:
    """Return similar valid names, or all of them, for the end of an error message."""
    valid = sorted(set(valid))
    near = difflib.get_close_matches(word, valid, n=5, cutoff=0.6)
    return f"did you mean {', '.join(near)}?" if near else f"valid: {', '.join(valid)}"


def input_errors() -> tuple[type[ValueError], ...]:
    """Return the base classes of input errors: this one, and those of the lower packages."""
    below = (sys.modules.get(f"{package}.errors") for package in ("envs", "policies"))
    return (InputError, *(module.InputError for module in below if module is not None))
