"""Recordings are split by whole episodes."""

import numpy as np
import pytest
from bars import bars
from hypothesis import given
from hypothesis import strategies as st

from sim2real.recordings.frames import Frames
from sim2real.transfer.folds import folds, held_out


def recordings(lengths: list[int]) -> Frames:
    n = sum(lengths)
    episode = np.repeat(np.arange(len(lengths)), lengths)
    return Frames(np.zeros((n, 1, 1, 3), np.uint8), np.zeros((n, 1), np.float32), episode, np.arange(n), 0.0, 20.0)


@given(lengths=st.lists(st.integers(1, 200), min_size=1, max_size=30), count=st.integers(1, 6), seed=st.integers(0, 9))
def test_every_episode_is_in_one_fold(lengths, count, seed):
    groups = folds(recordings(lengths), count, seed)
    assert len(groups) == min(count, len(lengths))
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
    with pytest.raises(ValueError, match="one episode only"):
        held_out(recordings([50]), 0.2)
