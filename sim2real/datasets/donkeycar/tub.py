"""Donkeycar's tub v2: a manifest, catalogs with a JSON line per record, a folder of images."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2real.datasets.donkeycar.record import Record, Verdict
from sim2real.errors import DatasetError


@dataclass(frozen=True)
class Tub:
    """The content of a tub's files.

    Attributes:
        folder: folder of the tub.
        records: records of all catalogs: the manifest's in its order, then those that it does not name.
        deleted: indices that the owner marked as deleted.
        missing: catalogs that the manifest names but that do not exist.
    """

    folder: Path
    records: list[Record]
    deleted: frozenset[int]
    missing: tuple[str, ...]

    @property
    def images(self) -> Path:
        """Return the folder of images."""
        return self.folder / "images"


LARGEST = 2**53  # larger floats are not exact integers


def is_tub(folder: Path) -> bool:
    """Return whether a folder looks like a tub v2."""
    return (folder / "manifest.json").is_file()


def read_tub(folder: Path) -> Tub:
    """Read manifest and catalogs, not the images.

    Raises:
        DatasetError: no such folder, not a tub, its manifest is damaged, or it has no records.
    """
    if not folder.is_dir():
        raise DatasetError(f"no such folder: {folder}")
    if not is_tub(folder):
        raise DatasetError(f"{folder} is not a Donkeycar tub v2: it has no manifest.json")
    manifest = _manifest(folder / "manifest.json")
    listed = list(dict.fromkeys(Path(str(name)).name for name in manifest["paths"]))
    present = sorted((path.name for path in folder.glob("*.catalog")), key=_by_number)
    records: list[Record] = []
    for name in [*(name for name in listed if name in present), *(name for name in present if name not in listed)]:
        records += _catalog(folder / name, name in listed)
    if not records:
        raise DatasetError(f"the tub {folder} is empty: its catalogs have no records")
    deleted = frozenset(k for k in manifest.get("deleted_indexes") or () if isinstance(k, int))
    return Tub(folder, records, deleted, tuple(name for name in listed if name not in present))


def _manifest(path: Path) -> dict[str, Any]:
    # Five lines of JSON: inputs, types, metadata, sessions, catalogs. Only the last is needed here.
    for line in reversed(path.read_text(errors="replace").splitlines()):
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict) and isinstance(content.get("paths"), list):
            return content
    raise DatasetError(f"{path.parent} is not a Donkeycar tub v2: manifest.json does not name its catalogs")


def _by_number(name: str) -> tuple[int, str]:
    number = re.search(r"\d+", name)
    return int(number[0]) if number else -1, name


def _catalog(path: Path, listed: bool) -> Iterator[Record]:
    for number, line in enumerate(path.read_bytes().split(b"\n")):
        if line.strip(b"\0 \r\t"):
            record = _record(line, path.name, number)
            if record.verdict is Verdict.KEPT and not listed:
                record.verdict = Verdict.UNLISTED
            yield record


def _record(line: bytes, catalog: str, number: int) -> Record:
    """Parse a line; an unusable line gives a record with that verdict."""
    broken = Record(catalog, number, verdict=Verdict.MALFORMED)
    try:
        content = json.loads(line)
        index, time = content["_index"], content["_timestamp_ms"]
        image = Path(content["cam/image_array"]).name
    except (ValueError, KeyError, TypeError, RecursionError):
        return broken
    valid_index = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < LARGEST
    if not valid_index or not image or math.isnan(_number(time)):
        return broken
    action, pilot = (
        (_number(content.get(f"{who}/angle")), _number(content.get(f"{who}/throttle"))) for who in ("user", "pilot")
    )
    mode, session = str(content.get("user/mode") or "user"), str(content.get("_session_id") or "")
    return Record(catalog, number, index, session, float(time) / 1000, image, action, pilot, mode)


def _number(value: Any) -> float:
    """Return a finite number, or NaN for any other JSON value; JSON integers have no limit."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
    return float(value) if good else math.nan
