"""SHA-256 of every file of a dataset, in `meta/sim2real.json`, so that damaged files are refused.

The list contains its own SHA-256, so that damage to the list is distinguished from damage to a file. It is written
before the files that it lists: a file that is about to be replaced has the digests of both versions, so that a writer
killed in between leaves a dataset that loads.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim2real.datasets.files import read_meta
from sim2real.errors import DatasetError
from sim2real.files import json_bytes, write_file, write_json

FILE = "meta/sim2real.json"
FORMAT = 1
_REMEDY = (
    "restore the dataset from a copy; if it was changed on purpose, delete meta/sim2real.json to read it unchecked"
)
_intact: dict[str, tuple[str, int, int, int]] = {}  # file -> digest and stamp, verified in this process
_lists: dict[str, tuple[tuple[int, int, int], "Checksums"]] = {}  # the list of each folder, with the stamp of its file
_noted: set[str] = set()


@dataclass
class Checksums:
    """The accepted checksums of each file of a dataset.

    Attributes:
        files: SHA-256 in hex by path relative to the dataset; several if a file is being replaced, the newest first.
    """

    files: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> "Checksums | None":
        """Read the list of a dataset; None if it has none. Raises DatasetError if the list is damaged."""
        if not (root / FILE).exists():
            return None
        content = read_meta(root / FILE)
        if content.pop("sha256", None) != _digest_of(content):
            raise DatasetError(f"{root / FILE} is damaged: it does not fit its own checksum; {_REMEDY}")
        if content.get("format_version") != FORMAT:
            mismatch = f"of version {content.get('format_version')}, this program reads {FORMAT}"
            raise DatasetError(f"{root / FILE} is {mismatch}: use a newer version of this program")
        try:
            return cls({name: tuple(digests) for name, digests in content["files"].items()})
        except (KeyError, TypeError, AttributeError):
            raise DatasetError(f"{root / FILE} is damaged: it does not list files; {_REMEDY}") from None

    @classmethod
    def of_files(cls, root: Path) -> "Checksums":
        """Compute the checksums of all files in a folder, except hidden ones."""
        present = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
        files = [path.as_posix() for path in present if not any(part.startswith(".") for part in path.parts)]
        return cls({name: (sha256(root / name),) for name in files if name != FILE})

    def write(self, root: Path, contents: Mapping[str, bytes | memoryview]) -> None:
        """Write the list, then the files in order, each atomically. Raises OSError."""
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        before = {name: tuple(old for old in self.files.get(name, ()) if old != new) for name, new in digests.items()}
        files = self.files | {name: (digests[name], *before[name]) for name in contents}
        listed: dict[str, Any] = {
            "format_version": FORMAT,
            "files": {name: list(files[name]) for name in sorted(files)},
        }
        write_json(root / FILE, {**listed, "sha256": _digest_of(listed)})
        for name, content in contents.items():
            write_file(root / name, content)
            self.files[name] = (digests[name],)


def write_listed_json(root: Path, name: str, content: Any) -> None:
    """Write a JSON file of a dataset without an active writer, and list it; raises OSError and ValueError."""
    (Checksums.read(root) or Checksums.of_files(root)).write(root, {name: json_bytes(content, name)})


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(root: Path, path: Path) -> Path:
    """Verify a file of a dataset, once per process, and return its path.

    A missing file is not an error here. A dataset without a list causes a warning, once per process.

    Raises:
        DatasetError: the file, or the list, was changed or damaged.
    """
    checksums = _list_of(root)
    if checksums is None:
        _note(root)
    while checksums is not None and path.exists():
        accepted = checksums.files.get(path.relative_to(root).as_posix())
        if accepted is not None and _digest(path) in accepted:
            break
        again = _list_of(root)
        if again is checksums:  # not because a writer has just replaced the file
            problem = "is not listed in" if accepted is None else "is damaged: its content is not the one listed in"
            raise DatasetError(f"{path} {problem} meta/sim2real.json; {_REMEDY}")
        checksums = again
    return path


def check_all(root: Path) -> int | None:
    """Verify all listed files that exist; returns their number, None without a list. Raises DatasetError."""
    checksums = _list_of(root)
    return None if checksums is None else sum(verified(root, root / name).exists() for name in checksums.files)


def _digest(path: Path) -> str:
    stamp = _stamp(path)
    known = _intact.get(str(path.absolute()))
    if known is None or known[1:] != stamp:
        known = _intact[str(path.absolute())] = (sha256(path), *stamp)
    return known[0]


def _list_of(root: Path) -> Checksums | None:
    try:
        stamp = _stamp(root / FILE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    known = _lists.get(str(root.absolute()))
    if known is None or known[0] != stamp:
        checksums = Checksums.read(root)
        if checksums is None:
            return None
        known = _lists[str(root.absolute())] = stamp, checksums
    return known[1]


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return a stamp that changes when a file is replaced or written to."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _digest_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _note(root: Path) -> None:
    if (name := str(root.absolute())) not in _noted:
        _noted.add(name)
        warnings.warn(f"{root} has no checksums: damaged values in it cannot be detected", stacklevel=2)
