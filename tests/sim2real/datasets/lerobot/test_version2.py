# pyright: reportArgumentType=false
"""LeRobot v2.1 datasets become v3.0 without touching a frame."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recorder import CAMERA, FEATURES, record
from sim2real.datasets import DatasetError, EpisodeDataset, images
from sim2real.datasets.lerobot.stats import sampled_rows
from sim2real.datasets.lerobot.version2 import convert, is_version2
from sim2real.datasets.lerobot.videos import read_video_frames

pytestmark = pytest.mark.filterwarnings("ignore:.* has no checksums")
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
        table = dataset.root / f"data/chunk-000/file-{entry['data/file_index']:03d}.parquet"
        pq.write_table(pq.read_table(table, partitioning=None), path)
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


def edit_info(root: Path, **changed: object) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def renamed(root: Path, name: str) -> None:
    """The camera gets another name, as a dataset of somebody else may have it."""
    info = json.loads((root / "meta/info.json").read_text())
    edit_info(root, features={name if k == CAMERA else k: v for k, v in info["features"].items()})


OUTSIDE = "../../../outside"


@pytest.mark.parametrize("name", [OUTSIDE, "/tmp/outside", "..", "a\\b", "", "a\0b", "a\nb"])
@pytest.mark.parametrize("video", [False, True])
def test_a_feature_cannot_be_named_after_a_place_elsewhere(tmp_path, name, video):
    source = version2(tmp_path / "deep/er", 1, video)
    if video:  # there is such a file to be read
        film = Path(str(source / VIDEO.format(video_key=OUTSIDE, episode_chunk=0, episode_index=0)))
        film.parent.mkdir(parents=True, exist_ok=True)
        film.write_bytes(next(source.rglob("*.mp4")).read_bytes())
    renamed(source, name)
    before = {path for path in tmp_path.rglob("*")}
    with pytest.raises(DatasetError, match=r"feature name .* cannot be used") as caught:
        convert(source, tmp_path / "deep/er/new")
    assert "\n" not in str(caught.value) and {path for path in tmp_path.rglob("*")} == before


TEMPLATES = [
    (f"{OUTSIDE}/{{episode_index}}", "leads out of the dataset's folder"),
    ("/etc/{episode_index}", "leads out of the dataset's folder"),
    ("data/{episode_chunk}/{nothing}", "must be a path made of"),
    ("data/{episode_index.real.x}", "must be a path made of"),
    ("data/{episode_index", "must be a path made of"),
    (3, "must be a path made of"),
    (None, "must be a path made of"),
]


@pytest.mark.parametrize("key", ["data_path", "video_path"])
@pytest.mark.parametrize(("template", "message"), TEMPLATES)
def test_paths_stay_inside_the_datasets_folder(tmp_path, key, template, message):
    source = version2(tmp_path, 1, video=True)
    edit_info(source, **{key: template})
    with pytest.raises(DatasetError, match=message) as caught:
        convert(source, tmp_path / "new")
    assert "\n" not in str(caught.value) and not (tmp_path / "new").exists()


@pytest.mark.parametrize("key", ["data_path", "video_path"])
@pytest.mark.parametrize(("template", "message"), TEMPLATES)
def test_paths_of_a_dataset_of_version_3_stay_inside_its_folder_too(tmp_path, key, template, message):
    record(tmp_path / "set", 1, video=True)
    (tmp_path / "set/meta/sim2real.json").unlink(missing_ok=True)  # somebody else's
    swapped = template.replace("episode", "file") if isinstance(template, str) else template
    edit_info(tmp_path / "set", **{key: swapped})
    with pytest.raises(DatasetError, match=message) as caught:
        EpisodeDataset(tmp_path / "set").episode(0)[CAMERA]
    assert "\n" not in str(caught.value)


def test_a_feature_of_a_dataset_of_version_3_cannot_be_named_so_either(tmp_path):
    record(tmp_path / "set", 1, video=True)
    (tmp_path / "set/meta/sim2real.json").unlink(missing_ok=True)
    renamed(tmp_path / "set", OUTSIDE)
    with pytest.raises(DatasetError, match="feature name"):
        EpisodeDataset(tmp_path / "set")


def spoil_image(path: Path, row: int, change) -> None:
    table = pq.read_table(path, partitioning=None)
    cells = table[CAMERA].to_pylist()
    cells[row]["bytes"] = change(cells[row]["bytes"])
    at = table.column_names.index(CAMERA)
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(cells, table.schema.field(at).type)), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-30], "row 5: .* is damaged: not a complete JPEG or PNG"),
        (lambda content: b"", "row 5: .* is damaged"),
        (lambda content: images.encode(np.zeros((20, 20, 3), np.uint8)), r"row 5: .* is of size \(20, 20\)"),
    ],
)
def test_an_image_that_cannot_be_decoded_is_not_counted_as_kept(tmp_path, change, message):
    source = version2(tmp_path, 2, video=False)
    spoil_image(next(source.rglob("episode_000001.parquet")), 5, change)
    with pytest.raises(DatasetError, match=message):
        convert(source, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_video_that_lacks_a_frame_is_not_counted_as_kept(tmp_path):
    """Of a long episode statistics are taken over some frames only, but every one is looked for."""
    record(tmp_path / "v3", 1, length=200, video=True)
    source = version2(tmp_path, 0, video=True)
    film, fps = next(source.rglob("*.mp4")), 20
    frames = read_video_frames(film, np.arange(200) / fps, fps)
    sampled = set(sampled_rows(200).tolist())
    lost = next(k for k in range(1, 199) if k not in sampled)
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.options = {"bf": "0"}
        for k in sorted(set(range(200)) - {lost}):
            picture = av.VideoFrame.from_ndarray(frames[k], format="rgb24")
            picture.pts, picture.time_base = k, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with pytest.raises(DatasetError, match=rf"no frame at {lost / fps:.3f} s \(1 of 200"):
        convert(source, tmp_path / "new")


@pytest.mark.parametrize("video", [False, True])
def test_the_report_says_what_was_decoded(tmp_path, video):
    report = convert(version2(tmp_path, 2, video), tmp_path / "new")
    assert report["decoded"] == {CAMERA: 25} and report["account"] == {"kept": 25}


def test_a_rate_that_the_time_stamps_contradict_is_refused(tmp_path):
    source = version2(tmp_path, 1, video=False)
    edit_info(source, fps=30)
    with pytest.raises(DatasetError, match="come at 20 Hz, not at the dataset's 30 Hz"):
        convert(source, tmp_path / "new")


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"fps": None}, "fps must be"), ({"fps": 0}, "fps must be"), ({"chunks_size": 0}, "chunks_size must be")],
)
def test_metadata_that_cannot_be_is_refused_in_one_line(tmp_path, changed, message):
    source = version2(tmp_path, 1, video=False)
    edit_info(source, **changed)
    with pytest.raises(DatasetError, match=message):
        convert(source, tmp_path / "new")
