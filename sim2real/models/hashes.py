"""SHA-256 of a policy's files."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from sim2real.errors import CheckpointError

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FILES = CONFIG, WEIGHTS, CARD
"""All that is ever read of a policy; loading them executes no code."""


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a policy that the folder has, in hex."""
    return {name: content_hash(folder / name) for name in FILES if (folder / name).is_file()}


def verify(folder: Path, expected: Mapping[str, str], advice: str) -> None:
    """Raise CheckpointError unless the folder has every file with its SHA-256.

    Args:
        advice: what the user can do, for the error.
    """
    for name, wanted in expected.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise CheckpointError(f"{folder} is not complete: it has no {path.name}; {advice}")
        if content_hash(path) != wanted:
            raise CheckpointError(f"{path} is damaged: another sha256 than recorded; {advice}")


def content_hash(path: Path) -> str:
    """Return a file's SHA-256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
