"""Paths from a dataset's metadata, which must stay inside the dataset's folder."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from sim2real.errors import DatasetError, InputError


def check_name(name: Any) -> str:
    """Check a feature's name, which is also the name of a column or folder.

    Raises:
        DatasetError: the name is empty, has a slash or a control character, or is `.` or `..`.
    """
    good = isinstance(name, str) and name.isprintable() and name.strip(". ") and not set(name) & set("/\\")
    if not good:
        raise DatasetError(f"feature name {str(name)[:80]!r} cannot be used: it names a column and a folder, so"
                           " no slashes and control characters")  # fmt: skip
    return name


def path_in(root: Path, info: Mapping[str, Any], key: str, values: Mapping[str, Any]) -> Path:
    """Fill a path template of `meta/info.json` with values, inside `root`.

    Only names are checked: links inside the folder may lead out of it, as in the Hugging Face cache.

    Raises:
        DatasetError: there is no such template, it needs other values, or it leads out of the folder.
    """
    template = info.get(key)
    try:
        if not isinstance(template, str) or "\0" in template:
            raise InputError("not a path")
        relative = template.format(**values)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError):
        known = ", ".join(f"{{{name}}}" for name in values)
        raise DatasetError(
            f"{root}: {key} of meta/info.json is {template!r}: it must be a path made of {known}"
        ) from None
    check_inside(relative, f"{root}: {key} of meta/info.json")
    return root / relative


def check_inside(relative: str, label: str) -> None:
    """Raise DatasetError for a path that is absolute or contains `..`, on any system."""
    posix, windows = PurePosixPath(relative), PureWindowsPath(relative)
    if posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts):
        raise DatasetError(f"{label} leads out of the dataset's folder: {relative!r}")
