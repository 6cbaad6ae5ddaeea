"""Bad input: what a user gave and cannot be used. Needs nothing but Python."""

import sys


class InputError(ValueError):
    """Something that was given cannot be used; one line that says what is wrong, where, and what to do.

    Every other error than this and an OSError is a fault of this program.
    """


def input_errors() -> tuple[type[ValueError], ...]:
    """Return the base classes of bad input: this one, and those of the packages below, which know nothing of it."""
    below = (sys.modules.get(f"{package}.errors") for package in ("envs", "policies"))
    return (InputError, *(module.InputError for module in below if module is not None))
