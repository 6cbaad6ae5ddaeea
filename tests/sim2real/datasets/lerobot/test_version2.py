"""LeRobot v2.1 datasets become v3.0 without touching a frame."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from recorder import CAMERA, FEATURES, record

from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.datasets.lerobot.version2 import convert, is_version2

DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"


def version2(folder: Path, episodes: int, video: bool) -> Path:
    """A dataset in the layout of v2.1: a data file and a video per episode, metadata in JSON lines."""
    record(folder / "v3", episodes, video=video)
    dataset, root = EpisodeDataset(folder / "v3"), folder / "v2"
    (root / "meta").mkdir(parents=True)
    info = {**dataset.info, "codebase_version": "v2.1", "data_path": DATA, "video_path": VIDEO if video else None}
    (root / "meta/info.json").write_text(json.dumps(info))
    lines: dict[str, list] = {"episodes": [], "tasks": []}
    for episode in dataset:
        where = {"episode_chunk": 0, "episode_index": episode.index}
        path = root / DATA.format(**where)
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = dataset._entries[episode.index]
        found = dataset.root / f"data/chunk-000/file-{entry['data/file_index']:03d}.parquet"
        pq.write_table(pq.read_table(found, partitioning=None), path)
        if video:
            film = root / VIDEO.format(video_key=CAMERA, **where)
            film.parent.mkdir(parents=True, exist_ok=True)
            film.write_bytes((dataset.root / f"videos/{CAMERA}/chunk-000/file-{episode.index:03d}.mp4").read_bytes())
        lines["episodes"].append({"episode_index": episode.index, "tasks": [episode.task], "length": len(episode)})
    lines["tasks"] = [{"task_index": index, "task": task} for task, index in dataset.all_tasks.items()]
    for name, items in lines.items():
        (root / f"meta/{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return root


@pytest.mark.parametrize("video", [False, True])
def test_a_converted_dataset_has_the_same_rows_and_frames(tmp_path, video):
    source = version2(tmp_path, 3, video)
    assert is_version2(source) and not is_version2(tmp_path / "v3")
    with pytest.raises(DatasetError, match="sim2real import"):
        EpisodeDataset(source)
    report = convert(source, tmp_path / "new")
    old, new = EpisodeDataset(tmp_path / "v3"), EpisodeDataset(tmp_path / "new")
    assert report["records"] == report["account"]["kept"] == new.frames == old.frames
    assert new.tasks == old.tasks and new.features == old.features and new.info["fps"] == 20
    for before, after in zip(old, new, strict=True):
        for name in (*FEATURES, "timestamp", "index", "task_index"):
            np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    assert set(new.stats) == set(old.stats)
    np.testing.assert_allclose(new.stats[CAMERA]["mean"], old.stats[CAMERA]["mean"], atol=0.01)
    assert "q01" in new.stats[CAMERA]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: next(root.rglob("episode_000001.parquet")).unlink(), "is missing"),
        (lambda root: next(root.rglob("episode_000001.mp4")).unlink(), "is missing"),
        (lambda root: (root / "meta/tasks.jsonl").unlink(), "is missing"),
        (lambda root: (root / "meta/episodes.jsonl").write_text("{"), "damaged"),
        (lambda root: (root / "meta/episodes.jsonl").write_text(""), "is empty"),
    ],
)
def test_an_incomplete_source_gives_one_line_and_no_dataset(tmp_path, damage, message):
    source = version2(tmp_path, 2, video=True)
    damage(source)
    with pytest.raises(DatasetError, match=message):
        convert(source, tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"v2", "v3"}
