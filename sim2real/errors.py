"""What is wrong with a user's input: each error says in one line what, where, and what to do.

Needs nothing but Python.
"""

import sys


class InputError(ValueError):
    """Something that the user gave, or that lies on the disk, cannot be used; commands print the line and exit.

    Every other error than this and an OSError is a fault of this program.
    """


class CheckpointError(InputError):
    """A folder cannot be read, or must not be written, as the checkpoint or run that it is said to be."""


class DatasetError(InputError):
    """A folder cannot be read, or must not be written, as the dataset that it is said to be."""


def input_errors() -> tuple[type[ValueError], ...]:
    """Return the base classes of bad input: this one, and those of the packages below, which know nothing of it."""
    below = (sys.modules.get(f"{package}.errors") for package in ("envs", "policies"))
    return (InputError, *(module.InputError for module in below if module is not None))
