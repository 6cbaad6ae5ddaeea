"""The error of bad input, for all packages; needs only the standard library."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """An input of the user or a file on disk cannot be used; the message says in one line what is wrong, where, and
    what to do.

    Commands print the line and exit. All other errors except OSError are bugs in this program.
    """


def suggest(word: str, valid: Iterable[str]) -> str:
    """Return similar valid names, or all of them, for the end of an error message."""
    valid = sorted(set(valid) - {""})
    near = difflib.get_close_matches(word, valid, n=5, cutoff=0.6)
    return f"did you mean {', '.join(near)}?" if near else f"valid: {', '.join(valid)}"
