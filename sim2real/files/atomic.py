"""Atomic files, and strict JSON that any program can read."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim2real.errors import InputError

PLAIN = (str, int, float, bool, type(None))


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Give the name of a temporary file beside `path` to write, which replaces `path` if no error is raised.

    The file is on disk when the block has ended; after an error `path` keeps its old content, and the temporary file is
    removed.

    Raises:
        OSError: the file cannot be written (such as a full disk); names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno is None or str(error.filename or temporary) != str(temporary):  # of another file
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Write a file atomically; it is on disk when this returns. Raises OSError as `replaced_file`."""
    with replaced_file(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON atomically.

    Raises:
        ValueError: a value that JSON cannot represent, such as NaN; names its place in the content.
        OSError: as write_file.
    """
    write_file(path, json_bytes(content, path.name))


def json_bytes(content: Any, name: str) -> bytes:
    """Return indented JSON as the content of a file of that name; raises ValueError as `write_json`."""
    for place, value in _unknown(content, ""):
        description = str(value) if isinstance(value, float) else f"of type {type(value).__name__}"
        raise ValueError(f"{name} cannot be written as JSON: {place or 'the content'} is {description}")
    return (json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _unknown(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield values that JSON cannot represent, each with its place: `arms.gain.mae`, `rows[3]`."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _unknown(part, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple):
        for k, part in enumerate(value):
            yield from _unknown(part, f"{place}[{k}]")
    elif not isinstance(value, PLAIN) or (isinstance(value, float) and not math.isfinite(value)):
        yield place, value


def with_null(content: Any) -> Any:
    """Return the content with null in place of non-finite numbers, which JSON does not have."""
    if isinstance(content, Mapping):
        return {name: with_null(part) for name, part in content.items()}
    if isinstance(content, list | tuple):
        return [with_null(part) for part in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def read_json(path: Path, kind: type[InputError] = InputError) -> dict[str, Any]:
    """Read a JSON object; raises an error of that kind if the file is missing or damaged."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise kind(f"there is no file {path}") from None
    except ValueError:
        raise kind(f"{path} is damaged: not complete JSON") from None
    if not isinstance(content, dict):
        raise kind(f"{path} is damaged: not a JSON object")
    return content


def read_versioned_json(path: Path, version: int, kind: type[InputError] = InputError) -> dict[str, Any]:
    """Read a JSON object with a "format_version"; raises an error of that kind for another version, too."""
    content = read_json(path, kind)
    if "format_version" not in content:
        raise kind(f"{path} does not belong to a checkpoint: it has no format_version")
    if content["format_version"] != version:
        raise kind(f"{path} has format version {content['format_version']}; this program reads version {version}")
    return content
