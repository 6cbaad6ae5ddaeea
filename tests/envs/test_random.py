"""Random numbers per world: of good quality, and the same whatever the batch around the world."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.random import WorldRandom

SEEDS = st.integers(0, 2**63 - 1)
N = 200_000


def stream(seed: int, k: int = N) -> np.ndarray:
    return WorldRandom(np.array([seed])).uniform(np.array([0]), k)[0]


@given(seeds=st.lists(SEEDS, min_size=2, max_size=6), data=st.data())
def test_a_world_draws_the_same_in_any_batch(seeds, data):
    together, alone = WorldRandom(np.array(seeds)), [WorldRandom(np.array([seed])) for seed in seeds]
    for _ in range(5):
        ids = np.array(data.draw(st.lists(st.integers(0, len(seeds) - 1), min_size=1, max_size=6, unique=True)))
        k, kind = data.draw(st.integers(1, 4)), data.draw(st.sampled_from(["uniform", "normal", "bits"]))
        drawn = getattr(together, kind)(ids, k)
        assert drawn.shape == (len(ids), k)
        for row, world in zip(drawn, ids, strict=True):
            np.testing.assert_array_equal(row, getattr(alone[world], kind)(np.array([0]), k)[0])


@given(seed=SEEDS, parts=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_drawing_in_parts_is_drawing_at_once(seed, parts):
    random = WorldRandom(np.array([seed]))
    pieces = [random.uniform(np.array([0]), k)[0] for k in parts]
    np.testing.assert_array_equal(np.concatenate(pieces), stream(seed, sum(parts)))


@given(seed=SEEDS, parts=st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=6))
def test_numbers_drawn_ahead_are_those_that_would_have_come(seed, parts):
    world, random = np.array([0]), WorldRandom(np.array([seed]))
    ahead = WorldRandom(np.array([seed])).ahead(world, sum(k * (1 + normal) for k, normal in parts))
    for k, normal in parts:
        kind = "normal" if normal else "uniform"
        np.testing.assert_array_equal(getattr(ahead, kind)(world, k), getattr(random, kind)(world, k))
    with pytest.raises(ValueError, match="drawn in advance"):
        ahead.uniform(world, 1)


@given(seed=SEEDS)
def test_seeds_give_streams_of_their_own(seed):
    pair = WorldRandom(np.array([seed, seed + 1], np.uint64)).bits(np.array([0, 1]), 50)
    assert len(np.unique(pair)) == pair.size  # two of 100 equal 64-bit numbers would be no chance


@given(seeds=st.lists(SEEDS, min_size=3, max_size=3), fresh=SEEDS)
def test_reseeding_starts_anew_and_leaves_the_others_alone(seeds, fresh):
    everyone = np.arange(3)
    reseeded, untouched = WorldRandom(np.array(seeds)), WorldRandom(np.array(seeds))
    reseeded.uniform(everyone, 7)
    untouched.uniform(everyone, 7)
    reseeded.reseed(np.array([1]), np.array([fresh]))
    drawn = reseeded.uniform(everyone, 4)
    np.testing.assert_array_equal(drawn[1], stream(fresh, 4))
    np.testing.assert_array_equal(drawn[[0, 2]], untouched.uniform(everyone, 4)[[0, 2]])


def test_uniform_numbers_are_uniform_and_independent():
    x = stream(3)
    assert x.min() >= 0 and x.max() < 1
    assert abs(x.mean() - 1 / 2) < 5 * np.sqrt(1 / 12 / N)
    assert abs(x.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / N)
    count = np.histogram(x, 100, (0, 1))[0]
    assert 50 < ((count - N / 100) ** 2 / (N / 100)).sum() < 170  # chi squared, 99 degrees of freedom
    for lag in (1, 2, 3, 100):
        assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 5 / np.sqrt(N)


def test_worlds_with_neighbouring_seeds_are_independent():
    x = WorldRandom(np.arange(N)).uniform(np.arange(N), 2)  # world i of a batch usually has seed + i
    count = np.histogram2d(*x.T, bins=10, range=[(0, 1), (0, 1)])[0]
    assert 50 < ((count - N / 100) ** 2 / (N / 100)).sum() < 170
    assert abs(np.corrcoef(x[:-1, 0], x[1:, 0])[0, 1]) < 5 / np.sqrt(N)


def test_normal_numbers_have_the_moments_of_a_normal():
    x = WorldRandom(np.array([5])).normal(np.array([0]), N)[0]
    assert np.isfinite(x).all()
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean() - moment) < 5 * np.sqrt(variance / N), power
    assert abs((np.abs(x) > 2).mean() - 0.0455) < 0.0025


@given(seed=SEEDS, high=st.integers(1, 2**40))
def test_integers_stay_below_their_bound(seed, high):
    drawn = WorldRandom(np.array([seed])).integers(np.array([0]), 100, high)
    assert drawn.dtype == np.int64 and drawn.min() >= 0 and drawn.max() < high


def test_every_integer_is_equally_likely():
    count = np.bincount(WorldRandom(np.array([9])).integers(np.array([0]), 70_000, 7)[0], minlength=7)
    assert len(count) == 7 and np.abs(count - 10_000).max() < 500
