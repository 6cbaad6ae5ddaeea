# pyright: reportArgumentType=false
"""Conversion of LeRobot v2.1 datasets (a file per episode) to v3.0; frames and videos are kept unchanged."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.datasets import images
from sim2real.datasets.checksums import write_listed_json
from sim2real.datasets.clock import check_rate
from sim2real.datasets.files import read_meta, read_table
from sim2real.datasets.lerobot.features import INDICES, Feature, read_features
from sim2real.datasets.lerobot.meta import check_info
from sim2real.datasets.lerobot.rows import EncodedImage, column_array
from sim2real.datasets.lerobot.stats import Stats, image_statistics, sampled_rows
from sim2real.datasets.lerobot.videos import read_video_frames
from sim2real.datasets.lerobot.writer import EpisodeWriter
from sim2real.datasets.paths import path_in
from sim2real.errors import DatasetError, InputError
from sim2real.files import new_folder
from sim2real.progress import Progress, silent

VERSION = "v2.1"
REPORT = "import_report.json"


def is_version2(folder: Path) -> bool:
    """Return whether a folder is a LeRobot dataset of version 2.1."""
    return (folder / "meta/info.json").is_file() and read_meta(folder / "meta/info.json").get(
        "codebase_version"
    ) == VERSION


def convert(source: Path, destination: Path, progress: Progress = silent) -> dict[str, Any]:
    """Convert a v2.1 dataset to v3.0; returns the report.

    Every image and every frame of a video is decoded once, so that all frames in the report are readable.

    Raises:
        DatasetError: the source is incomplete or damaged, has paths outside its folder or a frame rate that contradicts
            its time stamps, or the destination exists.
        OSError: the disk is full; nothing is left behind.
    """
    info = read_meta(source / "meta/info.json")
    check_info(source, info)
    features = read_features(info)
    own = {name: feature for name, feature in features.items() if name not in INDICES}
    entries = _lines(source / "meta/episodes.jsonl", {"episode_index": int, "length": int})
    entries.sort(key=lambda entry: entry["episode_index"])
    tasks = {k["task_index"]: k["task"] for k in _lines(source / "meta/tasks.jsonl", {"task_index": int, "task": str})}
    if not entries:
        raise DatasetError(f"the dataset {source} is empty: meta/episodes.jsonl has no episodes")
    with new_folder(destination) as folder:
        robot = info.get("robot_type") or "unknown"
        with EpisodeWriter(folder, own, info["fps"], robot_type=robot, flush_every=64) as writer:
            for done, entry in enumerate(entries, 1):
                _episode(writer, source, info, own, entry, tasks)
                if progress:
                    progress(done, len(entries))
        frames = sum(entry["length"] for entry in entries)
        report = {
            "format_version": 1,
            "kind": "LeRobot v2.1",
            "source": source.resolve().name,
            "records": frames,
            "account": {"kept": frames},
            "decoded": {name: frames for name, feature in own.items() if feature.camera},
            "episodes": [{"frames": entry["length"]} for entry in entries],
        }
        write_listed_json(folder, REPORT, report)
    return report


def _episode(
    writer: EpisodeWriter,
    source: Path,
    info: Mapping[str, Any],
    features: Mapping[str, Feature],
    entry: Mapping[str, Any],
    tasks: Mapping[int, str],
) -> None:
    number, length = entry["episode_index"], entry["length"]
    where = {"episode_chunk": number // _chunks_size(source, info), "episode_index": number}
    path = path_in(source, info, "data_path", where)
    table = read_table(path)
    if table.num_rows != length:
        raise DatasetError(f"{path} has {table.num_rows} rows, meta/episodes.jsonl counts {length}")
    columns, videos = {}, {}
    for name, feature in features.items():
        if feature.dtype == "video":
            videos[name] = path_in(source, info, "video_path", {"video_key": name, **where})
            if not videos[name].is_file():
                raise DatasetError(f"the dataset is incomplete: {videos[name]} is missing")
        elif name not in table.column_names:
            raise DatasetError(f"{path} has no column {name}, which meta/info.json lists")
        elif feature.dtype == "image":
            columns[name] = [_image(path, name, row, cell, feature) for row, cell in enumerate(table[name].to_pylist())]
        else:
            columns[name] = column_array(table[name], feature, length)
    indices = table["task_index"].to_pylist() if "task_index" in table.column_names else [None]
    if unknown := set(indices) - set(tasks):
        raise DatasetError(f"{path} is damaged: no task {next(iter(unknown))} in meta/tasks.jsonl")
    if "timestamp" in table.column_names:
        times = column_array(table["timestamp"], INDICES["timestamp"], length).astype(float)
        check_rate(np.diff(times), info["fps"], f"the time stamps of {path}", f"correct fps in {source}/meta/info.json")
    seen = {name: _look(film, length, info["fps"], features[name]) for name, film in videos.items()}
    writer.save_columns(columns, [tasks[k] for k in indices], videos, seen)


def _chunks_size(source: Path, info: Mapping[str, Any]) -> int:
    size = info.get("chunks_size", 1000)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise DatasetError(f"{source}/meta/info.json is damaged: chunks_size must be a whole number, not {size!r}")
    return size


def _look(film: Path, length: int, fps: float, feature: Feature) -> Stats:
    """Compute a video's statistics by decoding all frames; version 2 lacks the quantiles that v3.0 needs."""
    frames = read_video_frames(film, sampled_rows(length) / fps, fps, present=np.arange(length) / fps)
    _check_size(str(film), frames.shape[1:3], feature)
    return image_statistics(list(frames))


def _image(path: Path, name: str, row: int, cell: Any, feature: Feature) -> EncodedImage:
    try:
        content, origin = cell["bytes"] or b"", Path(cell["path"] or "").name
        size = images.check(content).shape[:2]
    except (KeyError, TypeError):
        raise DatasetError(f"{path} is damaged: an image column without bytes and path") from None
    except InputError as error:
        raise DatasetError(f"{path}, row {row}: {name} is damaged: {error}") from None
    _check_size(f"{path}, row {row}: {name}", size, feature)
    return EncodedImage(content, feature.shape, origin)


def _check_size(name: str, size: tuple[int, ...], feature: Feature) -> None:
    # Some datasets put the channels first.
    if size not in (feature.shape[:2], feature.shape[1:]):
        raise DatasetError(f"{name} is of size {size} (H, W), meta/info.json says {feature.shape}")


def _lines(path: Path, kinds: Mapping[str, type]) -> list[dict[str, Any]]:
    """Read the objects of a JSON-lines file, each with values of these types."""
    try:
        entries = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except FileNotFoundError:
        raise DatasetError(f"the dataset is incomplete: {path} is missing") from None
    except ValueError:
        raise DatasetError(f"{path} is damaged: not a JSON object per line") from None
    for number, entry in enumerate(entries, 1):
        wrong = [k for k, kind in kinds.items() if not isinstance(entry, dict) or not isinstance(entry.get(k), kind)]
        if wrong:
            raise DatasetError(f"{path} is damaged: line {number} does not say {', '.join(wrong)}")
    return entries
