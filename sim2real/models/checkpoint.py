"""How a user names a policy: a folder, a shipped policy's name, or an address."""

import re
from pathlib import Path

Checkpoint = str | Path
"""A policy's folder, the run that made it, the name of a shipped policy (`sim2real models` lists them),
`hf://OWNER/REPO@COMMIT[/FOLDER]`, or `https://HOST/FILE.zip#sha256=HASH`. An existing folder wins over a name. Text is
not made a path before it is known to be one: a path has no `//`."""


def is_address(checkpoint: Checkpoint) -> bool:
    """Return whether a policy is named by an address; what follows `://` is checked when it is fetched."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", str(checkpoint)) is not None


def short_name(checkpoint: Checkpoint) -> str:
    """Return a policy's name for the folder of a run."""
    if not is_address(checkpoint):
        return Path(checkpoint).resolve().name
    last = str(checkpoint).partition("#")[0].rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]", "-", last.removesuffix(".zip"))
