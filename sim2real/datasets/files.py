# pyright: reportArgumentType=false
"""JSON files and tables of a LeRobot dataset."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sim2real import files
from sim2real.errors import DatasetError


def read_meta(path: Path) -> dict[str, Any]:
    """Read a JSON object of a dataset's `meta/`; raises DatasetError if it is absent or damaged."""
    if not path.is_file():
        raise DatasetError(f"{path.parent.parent} is not a LeRobot dataset: it has no meta/{path.name}")
    return files.read_json(path, DatasetError)


def write_tables(path: Path, tables: list[pa.Table]) -> None:
    """Write a Parquet file with one row group per table, atomically; raises OSError."""
    files.write_file(path, table_bytes(tables))


def table_bytes(tables: list[pa.Table]) -> memoryview:
    """Return a Parquet file with one row group per table and a checksum (CRC-32) per page."""
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
