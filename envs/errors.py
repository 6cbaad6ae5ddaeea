"""Errors of invalid input."""


class InputError(ValueError):
    """An input cannot be used; the message says in one line what is wrong, where, and what to do."""
