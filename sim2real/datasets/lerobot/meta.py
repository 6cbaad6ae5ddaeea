"""The folder `meta/` of a LeRobot v3.0 dataset: info, tasks, episodes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from sim2real.datasets.checksums import verified
from sim2real.datasets.files import read_meta, read_table
from sim2real.errors import DatasetError

VERSION = "v3.0"
CHUNK = 1000  # files per folder
INFO = "meta/info.json"
STATS = "meta/stats.json"
PATTERN = "/chunk-{chunk_index:03d}/file-{file_index:03d}"
ENTRY = ("episode_index", "length", "tasks", "data/chunk_index", "data/file_index")  # required columns of an episode
SESSION = "session"  # our own columns of meta/episodes, which other programs ignore
OUTCOME = "outcome"  # JSON
TASK_INDEX = "__index_level_0__"  # pandas' name for an index without one; LeRobot looks tasks up by it


def chunk_and_file(number: int) -> tuple[int, int]:
    """Return chunk and file number of the n-th file."""
    return divmod(number, CHUNK)


def numbered(folder: str, number: int, suffix: str = ".parquet") -> str:
    """Return the path of the n-th file of its kind."""
    chunk, file = chunk_and_file(number)
    return folder + PATTERN.format(chunk_index=chunk, file_index=file) + suffix


def video_span(camera: str, number: int, seconds: float) -> dict[str, Any]:
    """Return the columns of an episode's entry for a video file with this episode only."""
    chunk, file = chunk_and_file(number)
    span = {"chunk_index": chunk, "file_index": file, "from_timestamp": 0.0, "to_timestamp": seconds}
    return {f"videos/{camera}/{key}": value for key, value in span.items()}


def read_info(root: Path) -> dict[str, Any]:
    """Read `meta/info.json`; raises DatasetError if it is missing or of another version."""
    if not root.is_dir():
        raise DatasetError(f"no such folder: {root}")
    info = read_meta(root / INFO)
    version = info.get("codebase_version")
    if version != VERSION:
        hint = "convert it with `sim2real import`" if version == "v2.1" else f"this program reads {VERSION}"
        raise DatasetError(f"{root} is a LeRobot dataset of version {version}: {hint}")
    verified(root, root / INFO)
    check_info(root, info)
    return info


def check_info(root: Path, info: Mapping[str, Any]) -> None:
    """Raise DatasetError unless `meta/info.json` has a valid frame rate and number of episodes (if any)."""
    fps, count = info.get("fps"), info.get("total_episodes", 0)
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < 1e6:
        raise DatasetError(f"{root}/{INFO} is damaged: fps must be a positive number of frames per second, not {fps!r}")
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise DatasetError(f"{root}/{INFO} is damaged: total_episodes must be a whole number, not {count!r}")


def read_episodes(root: Path, count: int) -> list[dict[str, Any]]:
    """Read one entry per episode, in order, with statistics; raises DatasetError unless there are `count`."""
    entries: list[dict[str, Any]] = []
    for path in sorted((root / "meta/episodes").glob("*/*.parquet")):
        entries += read_table(verified(root, path)).to_pylist()
    missing = sorted({key for entry in entries for key in ENTRY if entry.get(key) is None})
    if missing:
        raise DatasetError(f"{root} is damaged: meta/episodes does not say {', '.join(missing)} of every episode")
    entries.sort(key=lambda entry: entry["episode_index"])
    # More entries than `info.json` counts: a writer was killed between the two files.
    if [entry["episode_index"] for entry in entries[:count]] != list(range(count)):
        raise DatasetError(f"{root} is damaged: info.json counts {count} episodes, meta/episodes has {len(entries)}")
    return entries[:count]


def read_tasks(root: Path) -> dict[str, int]:
    """Read the index of each task's text."""
    table = read_table(verified(root, root / "meta/tasks.parquet"))
    text = next((name for name in table.column_names if name != "task_index"), None)
    if text is None or "task_index" not in table.column_names:
        raise DatasetError(f"{root}/meta/tasks.parquet is damaged: it needs task_index and the tasks' texts")
    return dict(zip(table[text].to_pylist(), table["task_index"].to_pylist(), strict=True))


def tasks_table(tasks: Mapping[str, int]) -> pa.Table:
    """Return the table of tasks with the metadata of a pandas index, written without pandas."""
    numpy = {"task_index": "int64", TASK_INDEX: "object"}
    described = {
        "index_columns": [TASK_INDEX],
        "column_indexes": [{"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object",
                            "metadata": {"encoding": "UTF-8"}}],
        "columns": [
            {"name": None if name == TASK_INDEX else name, "field_name": name, "numpy_type": numpy[name],
             "pandas_type": "unicode" if name == TASK_INDEX else "int64", "metadata": None}
            for name in numpy
        ],
        "attributes": {}, "creator": {"library": "pyarrow", "version": pa.__version__}, "pandas_version": "2.3.3",
    }  # fmt: skip
    fields = [("task_index", pa.int64()), (TASK_INDEX, pa.string())]
    columns = [pa.array(list(tasks.values()), pa.int64()), pa.array(list(tasks), pa.string())]
    return pa.table(columns, schema=pa.schema(fields, metadata={"pandas": json.dumps(described)}))
