"""What is independent in recordings: nothing that hangs together is on both sides of a split, or counted twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.statistics.units import FEWEST, JUDGING, STOPPING, Blocks, Units, between

# Of each session its episodes: (s of gap before, s of length).
sessions = st.lists(
    st.lists(st.tuples(st.floats(0.1, 200), st.floats(0.05, 120)), min_size=1, max_size=6), min_size=1, max_size=8
)


def recorded(episodes: list[list[tuple[float, float]]], hertz: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """Session and time of each frame."""
    session, time = [], []
    for k, parts in enumerate(episodes):
        now = 1000.0 * k
        for gap, length in parts:
            frames = now + gap + np.arange(max(1, int(length * hertz))) / hertz
            session.append(np.full(len(frames), k * 7))
            time.append(frames)
            now = frames[-1]
    return np.concatenate(session), np.concatenate(time)


@given(sessions, st.sampled_from([JUDGING, STOPPING, Blocks(10.0, 3.0)]), st.integers(0, 2**32 - 1))
def test_a_split_runs_between_units_and_keeps_its_distance(episodes, blocks, seed):
    session, time = recorded(episodes)
    units = Units.of(session, time, "session", blocks)
    assert units.index.shape == session.shape and sorted(set(units.index)) == list(range(len(units)))
    for k in range(len(units)):  # a unit is of one session, and without a foreign frame in its span
        mine = units.index == k
        assert len(set(session[mine])) == 1
        if units.blocks is not None:
            span = (session == session[mine][0]) & (time >= time[mine].min()) & (time <= time[mine].max())
            assert (span == mine).all()
    taken = np.flatnonzero(np.random.default_rng(seed).random(len(units)) < 0.5)
    rest, out = units.sides(taken)
    assert not (rest & out).any()
    assert not set(units.index[rest]) & set(units.index[out]) and set(units.index[out]) <= set(taken)
    for name in np.unique(session):
        ours, theirs = (np.sort(time[side & (session == name)]) for side in (rest, out))
        if units.blocks is None:
            assert not (len(ours) and len(theirs))
        elif len(ours) and len(theirs):
            assert np.abs(ours[:, None] - theirs).min() >= 2 * blocks.guard - 1e-6
    lost = ~rest & ~out
    if units.blocks is None or not len(taken) or len(taken) == len(units):
        assert not lost.any()
    edges = sum((np.diff(np.isin(units.index[session == n], taken).astype(int)) != 0).sum() for n in np.unique(session))
    assert lost.sum() <= edges * (2 * blocks.guard * 5 + 2)  # and no more than the guards are lost


@given(sessions, st.integers(0, 100))
def test_units_do_not_depend_on_the_order_of_the_frames(episodes, seed):
    session, time = recorded(episodes)
    units = Units.of(session, time)
    mixed = np.random.default_rng(seed).permutation(len(time))
    again = Units.of(session[mixed], time[mixed])
    assert np.array_equal(again.index, units.index[mixed]) and str(again) == str(units)


def test_many_sessions_are_units_themselves():
    session, time = recorded([[(1.0, 90.0), (5.0, 40.0)]] * FEWEST)
    units = Units.of(session, time)
    assert (units.kind, len(units)) == ("session", 6) and str(units) == "6 sessions"
    assert np.array_equal(units.index * 7, session)


def test_few_sessions_are_cut_into_blocks_of_time_gaps_included():
    """Of one drive of five minutes, cut into pieces by short gaps, there are ten blocks and not fifteen episodes."""
    session, time = recorded([[(1.0, 19.0)] * 15], hertz=20)
    units = Units.of(session, time)
    assert len(units) == 10 and str(units) == "10 blocks of 30 s of 1 session"
    assert units.describe()["blocks"] == {"seconds": 30.0, "guard": 2.0} and units.describe()["count"] == 10
    spans = [np.ptp(time[units.index == k]) for k in range(10)]
    assert all(25 <= span <= 30.01 for span in spans)


def test_a_few_frames_alone_are_no_unit():
    """A frame at the very end, and a second before a long gap, count with their neighbours."""
    session, time = recorded([[(1.0, 1.0), (40.0, 60.0), (300.0, 0.1)]], hertz=20)
    units = Units.of(session, time)
    assert len(units) == 2 and np.bincount(units.index).min() > 0.6 * 30 * 20


def test_short_episodes_are_what_they_are():
    units = Units.of(np.repeat(np.arange(4), 50), np.tile(np.arange(50) / 20, 4), "episode")
    assert units.kind == "episode" and units.called("held-out") == "4 held-out episodes"
    assert str(units) == "4 episodes (each episode counts as a session)"


def test_an_average_does_not_reach_over_a_split():
    assert JUDGING.averaged(0.25) == JUDGING and JUDGING.averaged(5.0) == Blocks(30.0, 5.0)
    assert STOPPING.averaged(2.0) == Blocks(10.0, 2.0)


@pytest.mark.parametrize("frames", [1, 2])
def test_next_to_nothing_is_one_unit(frames: int):
    assert len(Units.of(np.zeros(frames), np.zeros(frames))) == 1


@given(sessions, st.integers(0, 2**32 - 1))
def test_a_split_made_by_hand_keeps_its_distance_too(episodes, seed):
    session, time = recorded(episodes)
    random = np.random.default_rng(seed)
    side = random.integers(0, 2, 1000)[(time // 17).astype(int) % 1000].astype(bool)
    learned, judged = between([session[~side], session[side]], [time[~side], time[side]], 2.0)
    for name in np.unique(session):
        ours = time[~side][~learned & (session[~side] == name)]
        theirs = time[side][~judged & (session[side] == name)]
        if len(ours) and len(theirs):
            assert np.abs(ours[:, None] - theirs).min() >= 4.0 - 1e-6
    if not side.any() or side.all():
        assert not learned.any() and not judged.any()
