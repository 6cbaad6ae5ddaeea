"""Short names of checkpoints."""

from collections.abc import Sequence
from pathlib import PurePath

from sim2real.models import Checkpoint, absolute


def short_names(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Return the checkpoints' names, or as much of their paths or addresses as distinguishes them."""
    parts = [PurePath(absolute(each)).parts for each in checkpoints]
    names = ["/".join(part) for part in parts]
    for k in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-k:]) for part in parts]
        if len(set(names)) == len(set(parts)):
            break
    return names
