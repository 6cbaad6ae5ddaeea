"""Files that are either complete or not there."""

import json
import os
from pathlib import Path
from typing import Any


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Put a file in its place in one step, on the disk when this returns.

    Raises:
        OSError: it cannot be written (say, a full disk); names the file, of which nothing is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON in one step; raises ValueError for NaN, which JSON does not know, and OSError."""
    write_file(path, json_bytes(content))


def json_bytes(content: Any) -> bytes:
    """Readable JSON; raises ValueError for NaN, which JSON does not know."""
    return (json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n").encode()
