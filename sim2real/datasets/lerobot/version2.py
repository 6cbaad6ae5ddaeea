"""Import of LeRobot v2.1 datasets: a file per episode becomes v3.0; frames and videos are kept as they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim2real.datasets.files import read_json, read_table
from sim2real.datasets.lerobot.features import INDICES, Feature, read_features
from sim2real.datasets.lerobot.rows import EncodedImage, column_array
from sim2real.datasets.lerobot.stats import image_statistics, sampled_rows
from sim2real.datasets.lerobot.videos import read_frames
from sim2real.datasets.lerobot.writer import EpisodeWriter
from sim2real.errors import DatasetError
from sim2real.files import new_folder, write_json
from sim2real.progress import Progress, silent

VERSION = "v2.1"
REPORT = "import_report.json"


def is_version2(folder: Path) -> bool:
    """Whether a folder is a LeRobot dataset of version 2.1."""
    return (folder / "meta/info.json").is_file() and read_json(folder / "meta/info.json").get(
        "codebase_version"
    ) == VERSION


def convert(source: Path, destination: Path, progress: Progress = silent) -> dict[str, Any]:
    """Make a v3.0 dataset of a v2.1 one; returns the report.

    Raises:
        DatasetError: the source is incomplete or damaged, or the destination exists.
        OSError: the disk is full; nothing is left behind.
    """
    info = read_json(source / "meta/info.json")
    features = read_features(info)
    own = {name: feature for name, feature in features.items() if name not in INDICES}
    entries = sorted(_lines(source / "meta/episodes.jsonl"), key=lambda entry: entry["episode_index"])
    tasks = {entry["task_index"]: entry["task"] for entry in _lines(source / "meta/tasks.jsonl")}
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
            "episodes": [{"frames": entry["length"]} for entry in entries],
        }
        write_json(folder / REPORT, report)
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
    where = {"episode_chunk": number // info.get("chunks_size", 1000), "episode_index": number}
    path = source / info["data_path"].format(**where)
    table = read_table(path)
    if table.num_rows != length:
        raise DatasetError(f"{path} has {table.num_rows} rows, meta/episodes.jsonl counts {length}")
    columns, videos = {}, {}
    for name, feature in features.items():
        if feature.dtype == "video":
            videos[name] = source / info["video_path"].format(video_key=name, **where)
            if not videos[name].is_file():
                raise DatasetError(f"the dataset is incomplete: {videos[name]} is missing")
        elif name not in table.column_names:
            raise DatasetError(f"{path} has no column {name}, which meta/info.json lists")
        elif feature.dtype == "image":
            columns[name] = [_image(path, cell, feature) for cell in table[name].to_pylist()]
        else:
            columns[name] = column_array(table[name], feature, length)
    texts = [tasks[k] for k in table["task_index"].to_pylist()]
    times = sampled_rows(length) / info["fps"]
    # Version 2 knew no quantiles, which LeRobot expects of v3.0: look at the frames themselves.
    seen = {name: image_statistics(list(read_frames(path, times, info["fps"]))) for name, path in videos.items()}
    writer.save_columns(columns, texts, videos, seen)


def _image(path: Path, cell: Mapping[str, Any], feature: Feature) -> EncodedImage:
    try:
        return EncodedImage(cell["bytes"] or b"", feature.shape, Path(cell["path"] or "").name)
    except (KeyError, TypeError):
        raise DatasetError(f"{path} is damaged: an image column without bytes and path") from None


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except FileNotFoundError:
        raise DatasetError(f"the dataset is incomplete: {path} is missing") from None
    except ValueError:
        raise DatasetError(f"{path} is damaged: not a JSON object per line") from None
