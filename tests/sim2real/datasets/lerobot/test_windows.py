"""Parts of a dataset: some of its episodes, windows in time, a camera."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import CAMERA, record
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.datasets.lerobot.windows import frame_offsets, window_rows


def test_episodes_are_selected_in_the_path(tmp_path):
    record(tmp_path / "set", 5)
    chosen = {"[1:3]": [1, 2], "[-2:]": [3, 4], "[::2]": [0, 2, 4], "[4,0]": [4, 0], "[2]": [2], "": [0, 1, 2, 3, 4]}
    for text, indices in chosen.items():
        dataset = EpisodeDataset.open(f"{tmp_path}/set{text}")
        assert dataset.indices.tolist() == indices
        assert [episode.index for episode in dataset] == indices
    for text in ("[7]", "[5:5]", "[1:2:0]"):
        with pytest.raises(DatasetError, match="episodes"):
            EpisodeDataset.open(f"{tmp_path}/set{text}")


def test_windows_stay_in_their_episode(tmp_path):
    record(tmp_path / "set", 2)
    dataset = EpisodeDataset(tmp_path / "set")
    window = dataset.window(12, {"observation.state": [-0.05, 0.0, 0.1], CAMERA: [0.0], "action": [0.6]})
    np.testing.assert_array_equal(window["observation.state"][:, 0], [0, 0, 2])
    np.testing.assert_array_equal(window["observation.state_is_pad"], [True, False, False])
    np.testing.assert_array_equal(window[CAMERA], dataset.episode(1)[CAMERA][:1])
    assert window["action"][0, 0] == 13 and not window["action_is_pad"][0]
    with pytest.raises(ValueError, match="whole number of frames"):
        dataset.window(0, {"action": [0.07]})


@given(st.integers(1, 20), st.lists(st.integers(-25, 25), min_size=1, max_size=5))
def test_windows_are_shifts_clipped_to_the_episode(length, offsets):
    rows, padded = window_rows(length, np.array(offsets))
    for k in range(length):
        for j, offset in enumerate(offsets):
            assert rows[k, j] == min(max(k + offset, 0), length - 1)
            assert padded[k, j] == (not 0 <= k + offset < length)
    np.testing.assert_array_equal(frame_offsets([offset / 30 for offset in offsets], 30), offsets)


def test_cameras_are_found_by_their_short_name(tmp_path):
    record(tmp_path / "set", 1)
    dataset = EpisodeDataset(tmp_path / "set")
    assert dataset.camera() == dataset.camera("front") == dataset.camera("images.front") == CAMERA
    with pytest.raises(DatasetError, match=f"its cameras: {CAMERA}"):
        dataset.camera("wrist")
