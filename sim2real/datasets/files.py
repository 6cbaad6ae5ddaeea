"""Files that are either complete or not there, folders likewise, and one writer at a time."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sim2real.files import write_file

LOCK = ".writer.lock"


class DatasetError(ValueError):
    """A folder that cannot be read, or must not be written, as the dataset it is said to be; one line."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises DatasetError if it is absent or damaged."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(f"{path.parent.parent} is not a LeRobot dataset: it has no meta/{path.name}") from None
    except (ValueError, NotADirectoryError):
        raise DatasetError(f"{path} is damaged: not complete JSON") from None
    if not isinstance(content, dict):
        raise DatasetError(f"{path} is damaged: not a JSON object")
    return content


def write_tables(path: Path, tables: list[pa.Table]) -> None:
    """Write a Parquet file with one row group per table, footer included, in one step; raises OSError."""
    write_file(path, table_bytes(tables))


def table_bytes(tables: list[pa.Table]) -> memoryview:
    """A Parquet file with one row group per table, and a checksum (CRC-32) per page for whoever reads it."""
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, tables[0].schema, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
    return memoryview(buffer.getvalue())


def read_table(path: Path, columns: list[str] | None = None, episode: int | None = None) -> pa.Table:
    """Read a Parquet file, or the rows of one episode; raises DatasetError if it is absent or damaged."""
    try:
        filters = None if episode is None else [("episode_index", "=", episode)]
        return pq.read_table(path, columns=columns, filters=filters, partitioning=None, page_checksum_verification=True)
    except FileNotFoundError:
        raise DatasetError(f"the dataset is incomplete: {path} is missing") from None
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise DatasetError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only writer in a folder; the system releases the lock of a killed one.

    Raises:
        DatasetError: another process is writing there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking, the one before may have removed the file: then another one can hold a new one.
        held = path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino
    except BlockingIOError:
        held = False
    if not held:
        os.close(descriptor)
        raise DatasetError(f"another process is writing {folder}: wait for it to end, or write elsewhere")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into that takes its name when the block ends without an error, and vanishes otherwise.

    What a killed process left is removed by the next one.

    Raises:
        DatasetError: something of that name exists, or another process is making it.
    """
    folder = folder.resolve()
    if folder.exists():
        raise DatasetError(f"{folder} exists: choose another destination, or remove it first")
    around = folder.parent / f".{folder.name}.part"
    with locked(around):
        inside = around / folder.name
        try:
            shutil.rmtree(inside, ignore_errors=True)
            inside.mkdir()
            yield inside
            inside.rename(folder)
        finally:
            shutil.rmtree(inside, ignore_errors=True)
            shutil.rmtree(around, ignore_errors=True)
