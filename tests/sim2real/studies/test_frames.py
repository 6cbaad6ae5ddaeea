"""Frozen frames: what they hold, that a seed gives them again, and that only complete ones appear."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from envs import make_task
from policies.policy import Policy
from sim2real.progress import NOTHING
from sim2real.studies.frames import Frames, freeze_frames, read_frames
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_lane")]


def straight(privileged: np.ndarray) -> np.ndarray:
    return np.tile([0.0, 0.3], (len(privileged), 1))


def frozen(folder: Path, share: float = 0.0, seed: int = 0) -> Frames:
    student = Policy(policy_config(make_task("LaneFollow").spec, PretrainConfig("LaneFollow", width=2)))
    return freeze_frames(folder, "validation", 45, 10, straight, student, share, seed)


def test_they_hold_pictures_all_labels_and_the_layout(tmp_path: Path):
    frames = frozen(tmp_path / "frames")
    assert len(frames) == 40 and frames.images.shape == (40, 48, 80, 3)  # in whole steps of all worlds
    assert set(frames.labels) == {"action", "offset", "heading", "curvature", "mask", "depth"}
    assert set(frames.layout) <= {0, 1, 2} and len(set(frames.layout)) > 1
    images, labels = frames.rows(np.array([3, 3, 7]))
    assert np.array_equal(images[0], images[1]) and not np.array_equal(images[0], images[2])
    assert labels["action"].tolist() == np.array([[0.0, 0.3]] * 3, np.float32).tolist()
    assert labels["mask"].shape == (3, 12, 20) and 0 <= labels["mask"].min() < labels["mask"].max() <= 1
    assert all(values.dtype == np.float32 and np.isfinite(values).all() for values in labels.values())
    # The first frames of two worlds are of two places, and a world's later frames of another than its first.
    assert len(np.unique(frames.labels["offset"][:10])) == 10
    assert not np.array_equal(frames.images[:10], frames.images[30:])
    assert isinstance(read_frames(tmp_path / "frames").images, np.memmap)


def test_a_seed_gives_the_same_frames_and_a_student_gives_others(tmp_path: Path):
    first, again, other = frozen(tmp_path / "a"), frozen(tmp_path / "b"), frozen(tmp_path / "c", seed=1)
    assert np.array_equal(first.images, again.images) and not np.array_equal(first.images, other.images)
    driven = frozen(tmp_path / "d", share=1.0)
    assert np.array_equal(first.images[:10], driven.images[:10])
    assert not np.array_equal(first.images[30:], driven.images[30:])


def test_frames_that_are_there_are_not_collected_again(tmp_path: Path):
    first = frozen(tmp_path / "frames")
    assert np.array_equal(frozen(tmp_path / "frames", seed=1).images, first.images)


def test_interrupted_it_leaves_nothing_that_looks_complete(tmp_path: Path):
    student = Policy(policy_config(make_task("LaneFollow").spec, PretrainConfig("LaneFollow", width=2)))

    def interrupted(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        freeze_frames(tmp_path / "frames", "train", 40, 10, straight, student, 0.0, 0, interrupted)
    assert not list(tmp_path.iterdir())
    assert len(frozen(tmp_path / "frames")) == 40
