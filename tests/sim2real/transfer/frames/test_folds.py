"""Recordings are split by whole sessions; by blocks of time, with a guard between, where there are few of them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bars import bars
from sim2real.recordings.frames import Frames
from sim2real.transfer.frames.folds import folds, held_out


def recordings(lengths: list[int]) -> Frames:
    n = sum(lengths)
    episode = np.repeat(np.arange(len(lengths)), lengths)
    return Frames(np.zeros((n, 1, 1, 3), np.uint8), np.zeros((n, 1), np.float32), episode, np.arange(n), 0.0, 20.0)


@given(lengths=st.lists(st.integers(1, 200), min_size=2, max_size=30), count=st.integers(2, 6), seed=st.integers(0, 9))
def test_every_episode_is_in_one_fold(lengths, count, seed):
    frames = recordings(lengths)
    splits = folds(frames, count, seed)
    assert len(splits) == min(count, len(lengths))
    assert all((kept ^ out).all() for kept, out in splits)  # different sessions need no guard
    groups = [np.unique(frames.episode[out]) for _, out in splits]
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    sizes = [sum(lengths[k] for k in group) for group in groups]
    assert max(sizes) - min(sizes) <= max(lengths)


@given(
    lengths=st.lists(st.integers(1, 200), min_size=2, max_size=30),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 9),
)
def test_no_episode_is_on_both_sides(lengths, share, seed):
    kept, out = held_out(recordings(lengths), share, seed)
    assert not set(kept.episode) & set(out.episode)
    assert len(kept) + len(out) == sum(lengths) and len(kept) and len(out)


def test_the_share_is_about_what_was_asked_for():
    _, out = held_out(bars(40, 25, seed=0), 0.25)
    assert 200 <= len(out) <= 300


def test_one_long_episode_is_not_all_that_is_judged_by():
    for seed in range(5):
        _, out = held_out(recordings([4287, 2786, 1210, 1191, 987, 733, 85, 53, 45, 34, 33, 32, 32, 22]), 0.3, seed)
        assert len(out.episodes) >= 6 and 0.15 < len(out) / 11_530 < 0.45


def test_of_one_episode_nothing_can_be_held_out():
    with pytest.raises(ValueError, match="only one episode"):
        held_out(recordings([50]), 0.2)


def drive(lengths: list[int], gaps: list[float]) -> Frames:
    """One drive at 20 Hz, cut into episodes by gaps [s]."""
    frames = recordings(lengths)
    time = frames.row / 20 + np.repeat(np.cumsum(gaps), lengths)
    return dataclasses.replace(frames, session=np.zeros(len(frames), int), time=time, session_kind="session")


def nearest(first: Frames, other: Frames) -> float:
    """s between the two nearest frames of two parts of a drive."""
    assert first.time is not None and other.time is not None
    return float(np.abs(first.time[:, None] - other.time).min())


def test_pieces_of_one_drive_are_not_split_from_each_other_by_frames_of_the_same_second():
    """Twelve episodes of 20 s with gaps of half a second are one drive of four minutes, and not twelve of anything."""
    frames = drive([400] * 12, [0.5] * 12)
    for seed in range(5):
        kept, out = held_out(frames, 0.3, seed)
        assert nearest(kept, out) >= 4 - 1e-6 and len(frames) - len(kept) - len(out) >= 40
    for kept, out in folds(frames, 3, 0):
        assert nearest(frames.select(kept), frames.select(out)) >= 4 - 1e-6
    assert np.sum([out for _, out in folds(frames, 3, 0)], axis=0).max() == 1
