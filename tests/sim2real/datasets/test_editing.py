"""`sim2real edit`: episodes left out, cut and joined; what is kept stays as it was."""

from pathlib import Path

import numpy as np
import pytest

from recorder import CAMERA, FEATURES, record
from sim2real.datasets import EpisodeDataset, Feature
from sim2real.datasets.edit_config import EditConfig
from sim2real.datasets.editing import edit_dataset
from sim2real.datasets.lerobot.writer import EpisodeWriter


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three episodes of 12, 13 and 14 frames."""
    record(tmp_path / "source", 3)
    return tmp_path / "source"


def test_episodes_are_left_out_cut_and_joined(source: Path, tmp_path: Path):
    record(tmp_path / "other", 1, length=7)
    config = EditConfig(delete="1", split="2@5, 2@9", merge=tmp_path / "other")
    report = edit_dataset(source, tmp_path / "new", config)
    before, other, after = (EpisodeDataset(tmp_path / name) for name in ("source", "other", "new"))
    assert after.lengths.tolist() == [12, 5, 4, 5, 7]
    assert [(e["source"], e["episode"], e["first"]) for e in report["episodes"]] == [
        (0, 0, 0), (0, 2, 0), (0, 2, 5), (0, 2, 9), (1, 0, 0),
    ]  # fmt: skip
    assert after.tasks == ("task 0", "task 0", "task 0", "task 0", "task 0")
    for k, (dataset, number, rows) in enumerate(
        [
            (before, 0, slice(12)),
            (before, 2, slice(5)),
            (before, 2, slice(5, 9)),
            (before, 2, slice(9, 14)),
            (other, 0, slice(7)),
        ]
    ):
        was, now = dataset.episode(number), after.episode(k)
        for name in FEATURES:
            np.testing.assert_array_equal(now[name], was[name][rows])
        assert now.encoded(CAMERA, 0) == was.encoded(CAMERA, rows.start or 0)  # not encoded again
        np.testing.assert_allclose(now["timestamp"], np.arange(len(now)) / 20, atol=1e-6)


def test_sessions_are_kept_and_the_source_is_only_read(tmp_path: Path):
    with EpisodeWriter(tmp_path / "a", {"action": Feature("float32", (1,))}, 10) as writer:
        for session in ("morning", None):
            writer.save_columns({"action": list(np.zeros((4, 1), np.float32))}, "drive", session=session)
    files = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    edit_dataset(tmp_path / "a", tmp_path / "b", EditConfig(split="0@1"))
    assert EpisodeDataset(tmp_path / "b").sessions == ("morning", "morning", None)
    assert files == {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}


def test_frames_of_a_video_become_images(tmp_path: Path):
    record(tmp_path / "film", 2, video=True)
    edit_dataset(tmp_path / "film", tmp_path / "new", EditConfig(delete="0"))
    film, new = EpisodeDataset(tmp_path / "film"), EpisodeDataset(tmp_path / "new")
    assert new.features[CAMERA].dtype == "image"
    np.testing.assert_array_equal(new.episode(0).images(CAMERA), film.episode(1).images(CAMERA))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"delete": "3"}, "has no episode 3: it has 3, from 0 on"),
        ({"delete": "0,1,2"}, "leaves no episode"),
        ({"split": "1@13"}, "episode 1 has 13 frames: it cannot be split at 13"),
        ({"split": "1@0"}, "cannot be split at 0"),
        ({"delete": "1", "split": "1@4"}, "is to be deleted and split"),
        ({"split": "1"}, "--split takes numbers, as 5@120, not ''"),
        ({"delete": "one"}, "--delete takes numbers, as 3,7, not 'one'"),
        ({}, "nothing to do: give --delete"),
    ],
)
def test_edits_that_cannot_be(source: Path, tmp_path: Path, config: dict[str, str], said: str):
    with pytest.raises(ValueError, match=said):
        edit_dataset(source, tmp_path / "new", EditConfig(**config))  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_another_robot_is_not_joined(source: Path, tmp_path: Path):
    record(tmp_path / "arm", 1, robot_type="so101")
    with pytest.raises(ValueError, match=r"is not like .*: robot so101, not unknown"):
        edit_dataset(source, tmp_path / "new", EditConfig(merge=tmp_path / "arm"))
