"""Datasets: what is recorded is what is read, whatever happens to the recorder."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from recorder import CAMERA, FEATURES, frames, record
from relist import relist
from sim2real.datasets import DatasetError, EncodedImage, EpisodeDataset, EpisodeWriter, Feature
from sim2real.errors import InputError

ROOT = Path(__file__).parents[4]


def same(dataset: EpisodeDataset, count: int, length: int = 12, tolerance: int = 0) -> None:
    """Every column of every frame is what `record` gave."""
    assert dataset.lengths.tolist() == [length + k for k in range(count)]
    for number, episode in enumerate(dataset):
        given_frames = list(frames(length + number, number))
        for name in FEATURES:
            values = np.stack(
                [np.asarray(frame[name], dtype=object if name == "note" else None) for frame in given_frames]
            )
            assert values.shape == episode[name].shape, name
            if name == CAMERA and tolerance:
                # Video is lossy, and blurs the noise away: the means tell which frame it is.
                means = episode[name].mean((1, 2, 3)) - values.mean((1, 2, 3))
                assert np.abs(means).max() < tolerance
            else:
                np.testing.assert_array_equal(episode[name], values)
        np.testing.assert_allclose(episode["timestamp"], np.arange(length + number) / 20, atol=1e-6)
        assert (episode["episode_index"] == number).all()


@pytest.mark.parametrize("flush_every", [1, 2, 10])
def test_what_is_written_is_read(tmp_path, flush_every):
    record(tmp_path / "set", 5, flush_every=flush_every)
    dataset = EpisodeDataset(tmp_path / "set")
    same(dataset, 5)
    assert dataset.tasks == ("task 0", "task 1", "task 0", "task 1", "task 0")
    assert dataset.all_tasks == {"task 0": 0, "task 1": 1}
    index = np.concatenate([episode["index"] for episode in dataset])
    np.testing.assert_array_equal(index, np.arange(dataset.frames))
    assert not list((tmp_path / "set").rglob(".*"))


def test_video_frames_are_true_to_their_rows(tmp_path):
    record(tmp_path / "set", 2, length=55, video=True)
    dataset = EpisodeDataset(tmp_path / "set")
    same(dataset, 2, 55, tolerance=2)
    picked = dataset.episode(1).images(CAMERA, np.array([50, 3, 3]))
    np.testing.assert_array_equal(picked, dataset.episode(1)[CAMERA][[50, 3, 3]])
    assert not [
        name for name in pq.read_schema(next((tmp_path / "set/data").rglob("*.parquet"))).names if name == CAMERA
    ]


def test_statistics_are_those_of_all_rows(tmp_path):
    record(tmp_path / "set", 3)
    dataset = EpisodeDataset(tmp_path / "set")
    for name in ("action", "pose", CAMERA):
        values = np.concatenate([episode[name] for episode in dataset]).astype(np.float64)
        values, axes = (values.transpose(0, 3, 1, 2) / 255, (0, 2, 3)) if name == CAMERA else (values, (0,))
        stats = dataset.stats[name]
        for key, value in {"mean": values.mean(axes), "std": values.std(axes), "min": values.min(axes)}.items():
            np.testing.assert_allclose(
                stats[key].reshape(value.shape), value, rtol=1e-6, atol=1e-6, err_msg=f"{name} {key}"
            )
        assert stats["count"].tolist() == [dataset.frames]


def test_a_dataset_is_gone_on_with(tmp_path):
    record(tmp_path / "set", 2)
    record(tmp_path / "set", 1)
    same(EpisodeDataset(tmp_path / "set"), 3)
    with pytest.raises(DatasetError, match="cannot be appended to"):
        EpisodeWriter(tmp_path / "set", FEATURES, 30)


def test_image_files_are_kept_byte_for_byte(tmp_path):
    pixels = next(frames(1))[CAMERA]
    content = cv2.imencode(".jpg", pixels)[1].tobytes()
    with EpisodeWriter(tmp_path / "set", {CAMERA: FEATURES[CAMERA]}, 20) as writer:
        writer.add_frame({CAMERA: content})
        writer.add_frame({CAMERA: EncodedImage.checked(content, "seen.jpg")})
        writer.save_episode("look")
        with pytest.raises(ValueError, match="complete"):
            writer.add_frame({CAMERA: content[:-30]})
    assert EpisodeDataset(tmp_path / "set").episode(0).encoded(CAMERA, 1) == content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": None}, "missing \\['action'\\]"),
        ({"speed": 1.0}, "unknown \\['speed'\\]"),
        ({"action": np.zeros(3)}, "shape \\(3,\\)"),
        ({"action": np.array([0.0, np.nan])}, "not finite"),
        ({CAMERA: np.zeros((10, 10, 3), np.uint8)}, "10, 10, 3"),
        ({CAMERA: np.zeros((24, 32, 3))}, "uint8"),
    ],
)
def test_frames_that_do_not_fit_are_refused(tmp_path, change, message):
    with EpisodeWriter(tmp_path / "set", FEATURES, 20) as writer:
        frame = {name: value for name, value in {**next(frames(1)), **change}.items() if value is not None}
        with pytest.raises(ValueError, match=message):
            writer.add_frame(frame)


def test_one_writer_at_a_time(tmp_path):
    with EpisodeWriter(tmp_path / "set", FEATURES, 20), pytest.raises(InputError, match="another process"):
        EpisodeWriter(tmp_path / "set", FEATURES, 20)
    record(tmp_path / "set", 1)
    same(EpisodeDataset(tmp_path / "set"), 1)


def test_a_killed_recorder_loses_at_most_the_running_episode(tmp_path):
    for saved in (1, 4):  # the second one goes on where the first was killed
        code = f"""
import runpy, signal, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests/helpers")!r}]
import stopped
sys.argv = ["recorder.py", sys.argv[1]]
stopped.watch("*/file-{saved:03d}.parquet", 1, signal.SIGKILL)
runpy.run_module("recorder", run_name="__main__")
"""
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "set")], stdout=subprocess.DEVNULL)
        assert done.returncode == -signal.SIGKILL
        dataset = EpisodeDataset(tmp_path / "set")
        assert len(dataset) == saved
        for number, episode in enumerate(dataset):
            expected = np.stack([frame[CAMERA] for frame in frames(12, number)])
            np.testing.assert_array_equal(episode[CAMERA], expected)


def test_files_of_a_writer_killed_before_it_could_count_them_are_ignored_and_replaced(tmp_path):
    record(tmp_path / "set", 2)
    info = (tmp_path / "set/meta/info.json").read_text()
    record(tmp_path / "set", 1)
    (tmp_path / "set/meta/info.json").write_text(info)
    same(EpisodeDataset(tmp_path / "set"), 2)
    record(tmp_path / "set", 2)
    same(EpisodeDataset(tmp_path / "set"), 4)


def test_a_full_disk_leaves_what_was_saved(tmp_path):
    code = f"""
import resource, sys
sys.path.insert(0, {str(ROOT / "tests/helpers")!r})
from pathlib import Path
from recorder import record
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
try:
    record(Path(sys.argv[1]), 3)
    record(Path(sys.argv[1]), 1, length=200)
except OSError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "set")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "file-003.parquet" in done.stdout and "large" in done.stdout
    same(EpisodeDataset(tmp_path / "set"), 3)
    assert not list((tmp_path / "set").rglob(".*.part"))
    record(tmp_path / "set", 1)
    same(EpisodeDataset(tmp_path / "set"), 4)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "meta/info.json").unlink(), "not a LeRobot dataset"),
        (lambda root: (root / "meta/info.json").write_text("{"), "damaged"),
        (lambda root: (root / "meta/info.json").write_text('{"codebase_version": "v2.1"}'), "sim2real import"),
        (lambda root: (root / "data/chunk-000/file-001.parquet").unlink(), "is missing"),
        (lambda root: os.truncate(root / "data/chunk-000/file-001.parquet", 500), "is damaged"),
        (lambda root: (root / "meta/episodes/chunk-000/file-001.parquet").unlink(), "counts 2 episodes"),
    ],
)
def test_damage_is_said_in_one_line(tmp_path, damage, message):
    record(tmp_path / "set", 2)
    damage(tmp_path / "set")
    with pytest.raises(DatasetError, match=message) as caught:
        EpisodeDataset(tmp_path / "set").episode(1)
    assert "\n" not in str(caught.value)


def test_the_robots_computer_needs_neither_torch_nor_mujoco():
    code = "import sim2real.datasets, sys; print({'torch', 'mujoco', 'warp', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_dtype_and_a_reserved_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="float32"):
        EpisodeWriter(tmp_path / "set", {"x": Feature("complex64", (1,))}, 20)
    with pytest.raises(ValueError, match="leave them out"):
        EpisodeWriter(tmp_path / "set", {"index": Feature("int64", (1,))}, 20)
    assert not (tmp_path / "set").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    with pytest.raises(DatasetError, match="is not a dataset"):
        EpisodeWriter(tmp_path / "other", FEATURES, 20)
    assert json.dumps([path.name for path in (tmp_path / "other").iterdir()]) == '["file"]'


def test_sessions_are_kept_and_a_dataset_without_them_is_gone_on_with(tmp_path):
    def write(root: Path, *sessions: str | None) -> None:
        with EpisodeWriter(root, FEATURES, 20) as writer:
            for session in sessions:
                for frame in frames(3, writer.episodes):
                    writer.add_frame(frame)
                writer.save_episode("drive", session)

    write(tmp_path / "new", "a", "a", None)
    write(tmp_path / "new", "b")
    assert EpisodeDataset(tmp_path / "new").sessions == ("a", "a", None, "b")
    assert EpisodeDataset(tmp_path / "new", [3, 0]).sessions == ("b", "a")
    write(tmp_path / "old", None, None)
    for path in (tmp_path / "old/meta/episodes").glob("*/*.parquet"):  # as others write it, and as this did once
        pq.write_table(pq.read_table(path).drop_columns("session"), path)
    relist(tmp_path / "old")
    write(tmp_path / "old", "b")
    assert EpisodeDataset(tmp_path / "old").sessions == (None, None, None)
    for root in (tmp_path / "new", tmp_path / "old"):  # LeRobot reads all these files as one table
        schemas = [pq.read_schema(path).remove_metadata() for path in (root / "meta/episodes").glob("*/*.parquet")]
        assert len(schemas) > 1 and all(schema.equals(schemas[0]) for schema in schemas)
