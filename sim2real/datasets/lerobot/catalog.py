# pyright: reportArgumentType=false
"""Metadata of a dataset that is being written, and how they are saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sim2real.datasets.checksums import Checksums, sha256, verified
from sim2real.datasets.files import table_bytes
from sim2real.datasets.lerobot import stats as statistics
from sim2real.datasets.lerobot.features import Feature, read_features
from sim2real.datasets.lerobot.meta import (
    CHUNK,
    INFO,
    OUTCOME,
    PATTERN,
    SESSION,
    STATS,
    VERSION,
    chunk_and_file,
    numbered,
    read_episodes,
    read_info,
    read_tasks,
    tasks_table,
)
from sim2real.errors import DatasetError
from sim2real.files import json_bytes
from sim2real.files.folders import LOCK


@dataclass
class Catalog:
    """Metadata of a dataset that is being written; `commit` saves them.

    Attributes:
        root: folder of the dataset.
        info: content of `info.json`.
        episodes: entries of all episodes; the last ones may not be saved yet.
        stats: statistics of each episode's features.
        tasks: index of each task's text.
        checksums: checksums of all files.
        file: number of the next file.
    """

    root: Path
    info: dict[str, Any]
    episodes: list[dict[str, Any]] = field(default_factory=list)
    stats: list[dict[str, statistics.Stats]] = field(default_factory=list)
    tasks: dict[str, int] = field(default_factory=dict)
    file: int = 0
    committed: int = 0
    checksums: Checksums = field(default_factory=Checksums)

    @classmethod
    def open(cls, root: Path, features: Mapping[str, Feature], fps: float, robot_type: str) -> "Catalog":
        """Open a new dataset, or one to append to; raises DatasetError if the folder holds something else."""
        if not (root / INFO).exists():
            foreign = sorted(path.name for path in root.iterdir() if path.name not in (LOCK, "data", "meta", "videos"))
            if foreign:
                raise DatasetError(f"{root} exists and is not a dataset (it has {foreign[0]}): choose another folder")
            catalog = cls(root, _info(features, fps, robot_type))
            catalog.commit()
            return catalog
        info = read_info(root)
        if read_features(info) != dict(features) or info["fps"] != fps:
            theirs = {name: f"{f.dtype}{list(f.shape)}" for name, f in read_features(info).items()}
            raise DatasetError(f"{root} is a dataset at {info['fps']} Hz of {theirs}: it cannot be appended to")
        verified(root, root / STATS)  # no longer referenced, and about to be replaced
        catalog = cls(root, info, checksums=Checksums.read(root) or Checksums.of_files(root))
        for entry in read_episodes(root, info["total_episodes"]):
            stats: dict[str, dict[str, Any]] = {}
            for key in [key for key in entry if key.startswith("stats/")]:
                name, statistic = key.removeprefix("stats/").rsplit("/", 1)
                stats.setdefault(name, {})[statistic] = entry.pop(key)
            catalog.add(entry, statistics.arrays(stats))
        catalog.tasks = read_tasks(root) if catalog.episodes else {}
        kinds = ("data", "meta/episodes")
        used = [CHUNK * e[f"{kind}/chunk_index"] + e[f"{kind}/file_index"] for e in catalog.episodes for kind in kinds]
        catalog.file, catalog.committed = max(used, default=-1) + 1, len(catalog.episodes)
        return catalog

    def next_entry(
        self, length: int, tasks: Sequence[str], session: str | None = None, outcome: str | None = None
    ) -> dict[str, Any]:
        """Return the entry of the next episode; its tasks get indices."""
        for task in tasks:
            self.tasks.setdefault(task, len(self.tasks))
        start = self.episodes[-1]["dataset_to_index"] if self.episodes else 0
        chunk, file = chunk_and_file(self.file)
        entry = {"episode_index": len(self.episodes), "tasks": list(tasks), "length": length}
        entry |= {"data/chunk_index": chunk, "data/file_index": file}
        entry |= {"dataset_from_index": start, "dataset_to_index": start + length}
        # LeRobot needs the same columns in all files: an older dataset keeps its columns.
        for name, value in ((SESSION, session), (OUTCOME, outcome)):
            if not self.episodes or name in self.episodes[0]:
                entry[name] = value
        return {**entry, "meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}

    def add(self, entry: dict[str, Any], stats: dict[str, statistics.Stats]) -> None:
        """Add an episode."""
        self.episodes.append(entry)
        self.stats.append(stats)

    def commit(self, tables: list[pa.Table] | None = None) -> None:
        """Write all changes, rows first and `info.json` last, so that it only counts existing rows. Raises OSError."""
        new = slice(self.committed, None)
        contents = {numbered("data", self.file): table_bytes(tables)} if tables else {}
        if self.episodes[new]:
            contents[numbered("meta/episodes", self.file)] = table_bytes([_table(self.episodes[new], self.stats[new])])
            contents["meta/tasks.parquet"] = table_bytes([tasks_table(self.tasks)])
            contents[STATS] = json_bytes(statistics.nested_lists(statistics.aggregate_all(self.stats)), STATS)
        elif (self.root / INFO).exists():
            return
        self.info["total_episodes"], self.info["total_tasks"] = len(self.episodes), len(self.tasks)
        self.info["total_frames"] = self.episodes[-1]["dataset_to_index"] if self.episodes else 0
        self.info["splits"] = {"train": f"0:{len(self.episodes)}"}
        self.checksums.write(self.root, {**contents, INFO: json_bytes(self.info, INFO)})
        self.file, self.committed = self.file + bool(self.episodes[new]), len(self.episodes)

    def wrote(self, name: str) -> None:
        """List a file that is already saved, with the next commit."""
        self.checksums.files[name] = (sha256(self.root / name),)


def _info(features: Mapping[str, Feature], fps: float, robot_type: str) -> dict[str, Any]:
    videos = any(feature.dtype == "video" for feature in features.values())
    return {
        "codebase_version": VERSION,
        "robot_type": robot_type,
        "total_episodes": 0,
        "total_frames": 0,
        "total_tasks": 0,
        "chunks_size": CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 500,
        "fps": int(fps) if fps == int(fps) else fps,
        "splits": {},
        "data_path": "data" + PATTERN + ".parquet",
        "video_path": "videos/{video_key}" + PATTERN + ".mp4" if videos else None,
        "features": {name: feature.plain() for name, feature in features.items()},
    }


def _table(entries: list[dict[str, Any]], stats: list[dict[str, statistics.Stats]]) -> pa.Table:
    columns = {
        key: pa.array([entry[key] for entry in entries], pa.string() if key in (SESSION, OUTCOME) else None)
        for key in entries[0]
    }
    for name, keys in stats[0].items():
        for key, value in keys.items():
            kind = pa.int64() if key == "count" else pa.float64()
            for _ in range(np.ndim(value)):
                kind = pa.list_(kind)
            columns[f"stats/{name}/{key}"] = pa.array([part[name][key].tolist() for part in stats], kind)
    return pa.table(columns)
