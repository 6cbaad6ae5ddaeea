"""Errors of user input: each says in one line what is wrong, where, and what to do.

Needs only the standard library.
"""

from policies.errors import InputError, suggest

__all__ = ["AlreadyFinished", "CheckpointError", "DatasetError", "InputError", "suggest"]


class CheckpointError(InputError):
    """A folder cannot be read or written as a checkpoint or run."""


class DatasetError(InputError):
    """A folder cannot be read or written as a dataset."""


class AlreadyFinished(InputError):
    """A run that should be resumed is already finished."""
