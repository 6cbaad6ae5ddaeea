"""Short names of checkpoints."""

from collections.abc import Sequence
from pathlib import Path


def short_names(paths: Sequence[Path]) -> list[str]:
    """Return the checkpoints' folder names, or as much of the paths as distinguishes them."""
    parts = [path.resolve().parts for path in paths]
    names = ["/".join(part) for part in parts]
    for k in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-k:]) for part in parts]
        if len(set(names)) == len(set(parts)):
            break
    return names
