"""Recorded frames as a policy sees them: what belongs together stays together, and damage is counted."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drives import CAMERA, SMALL, actions_of, image_of, record_drives, record_interventions, spoil
from sim2real.datasets import DatasetError, EpisodeDataset, EpisodeWriter, Feature, camera_feature
from sim2real.recordings.frames import Frames, read_frames
from sim2real.recordings.smoothing import smooth


def read(root, config=SMALL, **options) -> Frames:
    return read_frames(EpisodeDataset.open(root), config, **options)


def test_images_and_actions_of_a_frame_belong_together(tmp_path):
    record_drives(tmp_path / "set", [5, 9])
    calls = []
    frames = read(tmp_path / "set", smoothing=0.0, progress=lambda *done: calls.append(done))
    assert len(frames) == 14 and frames.skipped == {} and frames.fps == 20.0 and calls == [(1, 2), (2, 2)]
    assert frames.episode.tolist() == [0] * 5 + [1] * 9 and frames.row.tolist() == [*range(5), *range(9)]
    for image, action, episode, row in zip(frames.images, frames.actions, frames.episode, frames.row, strict=True):
        seen = image_of(episode, row)[24:]  # the lower 96 of 120 rows, reduced to the half
        assert np.array_equal(image, cv2.resize(seen, SMALL.preprocessing.size, interpolation=cv2.INTER_AREA))
        assert np.array_equal(action, actions_of(episode, 9)[row])


def test_actions_are_in_the_order_of_the_policy_whatever_the_datasets(tmp_path):
    record_drives(tmp_path / "set", [6], names=("throttle", "horn", "steering"))
    frames = read(tmp_path / "set", smoothing=0.0)
    assert np.array_equal(frames.actions, actions_of(0, 6))


def test_an_action_that_was_not_recorded_is_nan(tmp_path):
    record_drives(tmp_path / "set", [6], names=("steering",))
    frames = read(tmp_path / "set")
    assert np.isfinite(frames.actions[:, 0]).all() and np.isnan(frames.actions[:, 1]).all()


def slow_smooth(actions: np.ndarray, side: int) -> np.ndarray:
    padded = np.concatenate([actions[:1]] * side + [actions] + [actions[-1:]] * side)
    return np.stack([padded[k : k + 2 * side + 1].mean(0) for k in range(len(actions))])


@given(st.integers(1, 40), st.integers(0, 12), st.integers(0, 1000))
def test_smoothing_is_the_mean_over_the_window(length, side, seed):
    actions = np.random.default_rng(seed).uniform(-1, 1, (length, 2))
    smoothed = smooth(actions, side / 20, 20.0)
    assert smoothed.shape == actions.shape and np.allclose(smoothed, slow_smooth(actions, side), atol=1e-9)
    assert np.allclose(smooth(np.full((length, 1), 0.3), side / 20, 20.0), 0.3)
    ramp = np.arange(40.0)[:, None]
    inside = slice(side, 40 - side)
    assert np.allclose(smooth(ramp, side / 20, 20.0)[inside], ramp[inside])


@pytest.mark.slow
@given(st.integers(0, 1000))
def test_float32_actions_stay_exact_enough(seed):
    actions = np.random.default_rng(seed).uniform(-1, 1, (3000, 1)).astype(np.float32)
    assert np.abs(smooth(actions, 0.25, 20.0) - slow_smooth(actions.astype(np.float64), 5)).max() < 1e-5


def test_no_window_reaches_into_another_episode(tmp_path):
    record_drives(tmp_path / "set", [5, 9])
    frames = read(tmp_path / "set", smoothing=0.25)
    for episode, length in ((0, 5), (1, 9)):
        assert np.allclose(
            frames.actions[frames.episode == episode], slow_smooth(actions_of(episode, length), 5), atol=1e-6
        )
    assert frames.independent == 1 / 20  # of a second, which is longer than the window


def test_of_interventions_only_the_persons_frames_and_commands_are_read(tmp_path):
    root = record_interventions(tmp_path / "set", [30, 20], 12, 19)
    frames = read(root, smoothing=0.25, by_hand=True)
    assert frames.row.tolist() == [*range(12, 19)] * 2 and frames.skipped == {"commanded by the policy": 36}
    np.testing.assert_allclose(frames.actions, np.tile([0.5, 0.3], (14, 1)), atol=1e-6)  # no average over the policy's
    np.testing.assert_array_equal(frames.images, read(root).images[[*range(12, 19), *range(42, 49)]])
    record_interventions(tmp_path / "nobody", [9], 9, 9)
    with pytest.raises(DatasetError, match="has no frame that a person commanded"):
        read(tmp_path / "nobody", by_hand=True)
    record_drives(tmp_path / "other", [9])
    with pytest.raises(DatasetError, match="does not tell which frames a person commanded"):
        read(tmp_path / "other", by_hand=True)


def test_a_damaged_image_is_left_out_and_counted(tmp_path):
    root = record_drives(tmp_path / "set", [12, 12])
    undamaged = read(root)
    for row, content in ((3, b"no image"), (7, b"")):
        spoil(root, 1, row, CAMERA, {"bytes": content, "path": "x.png"})
    frames = read(root)
    kept = ~((undamaged.episode == 1) & np.isin(undamaged.row, [3, 7]))
    assert frames.skipped == {"damaged image": 2}
    for name in ("images", "actions", "episode", "row"):  # the commands of the two still count in the means
        assert np.array_equal(getattr(frames, name), getattr(undamaged, name)[kept]), name


def test_an_episode_without_one_readable_image_is_skipped_and_a_dataset_refused(tmp_path):
    root = record_drives(tmp_path / "set", [2, 3])
    for row in range(2):
        spoil(root, 0, row, CAMERA, {"bytes": b"no image", "path": "x.png"})
    assert read(root).episodes.tolist() == [1]
    with pytest.raises(DatasetError, match="no frame that can be read"):
        read(f"{root}[0]")


def test_what_is_missing_is_named_with_what_there_is(tmp_path):
    root = record_drives(tmp_path / "set", [4], cameras=("observation.images.left", "observation.images.right"))
    with pytest.raises(DatasetError, match=r"no camera 'front'; its cameras: .*left, .*right"):
        read(root)
    root = record_drives(tmp_path / "arm", [4], names=("shoulder", "elbow"))
    with pytest.raises(DatasetError, match="no action named steering; its actions: shoulder, elbow"):
        read(root)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_no_number_is_refused(tmp_path, value):
    root = record_drives(tmp_path / "set", [4, 6])
    spoil(root, 1, 2, "action", [value, 0.4])
    with pytest.raises(DatasetError, match=r"steering is not a number in frame 2 of episode 1 \(1 such frames\)"):
        read(root)
    assert len(read(f"{root}[0]")) == 4


def test_frames_of_another_shape_are_stretched_and_that_is_said_once(tmp_path):
    root = record_drives(tmp_path / "set", [3, 3], size=(60, 160))
    config = dataclasses.replace(SMALL, action_names=("steering",))
    with pytest.warns(UserWarning, match="images.front is 160x60: stretched to 40x24") as said:
        frames = read(root, config)
    assert frames.images.shape == (6, 24, 40, 3) and len(said) == 1


def test_episodes_of_a_selection_keep_their_index(tmp_path):
    root = record_drives(tmp_path / "set", [3, 4, 5])
    frames = read(f"{root}[2,0]")
    assert frames.episodes.tolist() == [2, 0] and len(frames) == 8
    assert np.array_equal(frames.of(np.array([0])).images, read(f"{root}[0]").images)
    assert frames.select(frames.row == 0).episode.tolist() == [2, 0]


def of_lengths(lengths: list[int]) -> Frames:
    episode = np.repeat(np.arange(len(lengths)) * 7 + 2, lengths)
    row = np.concatenate([np.arange(n) for n in lengths])
    images = np.broadcast_to(row[:, None, None, None].astype(np.uint8), (len(row), 2, 2, 3))
    return Frames(images, episode[:, None].astype(np.float32), episode, row, 0.25, 20.0)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(1, 200), st.integers(0, 1000))
def test_a_limit_spreads_frames_evenly_over_all_of_them(lengths, count, seed):
    frames = of_lengths(lengths)
    limited = frames.limited(count, np.random.default_rng(seed))
    assert len(limited) == min(count, len(frames))
    taken = np.isin(frames.episode * 1000 + frames.row, limited.episode * 1000 + limited.row)
    assert taken.sum() == len(limited)  # none twice
    places = np.flatnonzero(taken)
    apart = len(frames) / len(limited)
    assert (np.abs(np.diff(places) - apart) < 1).all() and places[0] < apart and places[-1] >= len(frames) - apart - 1
    again = frames.limited(count, np.random.default_rng(seed))
    assert np.array_equal(again.episode, limited.episode) and np.array_equal(again.row, limited.row)
    assert np.array_equal(limited.images[:, 0, 0, 0], limited.row) and np.array_equal(
        limited.actions[:, 0], limited.episode
    )


def test_other_seeds_limit_to_other_frames():
    frames = of_lengths([10] * 20)
    chosen = {tuple(frames.limited(15, np.random.default_rng(seed)).row) for seed in range(20)}
    assert len(chosen) > 10


@pytest.mark.slow
def test_a_video_that_was_changed_is_refused_rather_than_left_out(tmp_path):
    record_drives(tmp_path / "set", [8, 8], video=True)
    film = sorted((tmp_path / "set/videos").rglob("*.mp4"))[1]
    content = bytearray(film.read_bytes())
    content[len(content) // 2] ^= 4
    film.write_bytes(content)
    with pytest.raises(DatasetError, match="is damaged: its content is not the one listed"):
        read_frames(EpisodeDataset(tmp_path / "set"), SMALL)


def test_the_pieces_of_one_drive_are_blocks_of_time_and_not_so_many_episodes(tmp_path):
    """Eight episodes of 9 s of one session; without the name of it they are eight."""
    lengths = [180] * 8
    named, unnamed = (read(record_drives(tmp_path / str(s), lengths, size=(60, 80), session=s)) for s in ("a", None))
    assert str(named.units()) == "2 blocks of 30 s of 1 session"
    assert str(unnamed.units()) == "8 episodes (each episode counts as a session)"
    assert named.time is not None and np.allclose(np.diff(named.time), 0.05)


def test_episodes_with_a_common_clock_and_no_session_are_taken_for_one(tmp_path):
    """As of a tub that was imported before sessions were kept."""
    features = {"observation.images.front": camera_feature(60, 80)}
    features |= {"action": Feature("float32", (1,), ("steering",)), "recorded_at": Feature("float64", (1,))}
    with EpisodeWriter(tmp_path / "set", features, 20) as writer:
        for k in range(7):
            for row in range(120):
                frame = {"observation.images.front": image_of(k, 0, (60, 80)), "action": np.zeros(1, np.float32)}
                writer.add_frame({**frame, "recorded_at": 1e9 + 9 * k + row / 20})
            writer.save_episode("drive")
    frames = read(tmp_path / "set", dataclasses.replace(SMALL, action_names=("steering",)))
    assert frames.units().kind == "block" and "the dataset names no sessions and counts as one" in str(frames.units())
    assert frames.time is not None and np.ptp(frames.time) == pytest.approx(59.95)
