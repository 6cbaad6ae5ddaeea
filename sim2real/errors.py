"""What is wrong with a user's input: each error says in one line what, where, and what to do.

Needs nothing but Python.
"""

import difflib
import sys
from collections.abc import Iterable


class InputError(ValueError):
    """Something that the user gave, or that lies on the disk, cannot be used; commands print the line and exit.

    Every other error than this and an OSError is a fault of this program.
    """


class CheckpointError(InputError):
    """A folder cannot be read, or must not be written, as the checkpoint or run that it is said to be."""


class DatasetError(InputError):
    """A folder cannot be read, or must not be written, as the dataset that it is said to be."""


class AlreadyFinished(InputError):
    """A run that is to be resumed came to its end before: there is nothing left to do."""


def suggest(word: str, valid: Iterable[str]) -> str:
    """Return the valid names that a word may have meant, or all of them, for the end of an error's line."""
    valid = sorted(set(valid))
    near = difflib.get_close_matches(word, valid, n=5, cutoff=0.6)
    return f"did you mean {', '.join(near)}?" if near else f"valid: {', '.join(valid)}"


def input_errors() -> tuple[type[ValueError], ...]:
    """Return the base classes of bad input: this one, and those of the packages below, which know nothing of it."""
    below = (sys.modules.get(f"{package}.errors") for package in ("envs", "policies"))
    return (InputError, *(module.InputError for module in below if module is not None))
