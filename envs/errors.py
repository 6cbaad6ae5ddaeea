"""The error of bad input, for the worlds: the one place where `envs` needs a file of `policies`.

All packages share one class, which lies in `policies` as that package imports nothing by itself.
"""

from policies.errors import InputError, suggest

__all__ = ["InputError", "suggest"]
