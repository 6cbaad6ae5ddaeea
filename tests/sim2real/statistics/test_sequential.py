"""Intervals that hold at all episodes at once, and a test that may be looked at after every episode."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln

from sim2real.statistics.betting import LEVEL, log_capital, mean_bounds
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.statistics.sequential import sequential_difference, sequential_rate

COIN, PAIR = np.array([1.0, -1.0]), np.array([1.0, 0.0, -1.0])
OUTCOMES = st.lists(st.booleans(), min_size=1, max_size=40).map(np.array)
PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40).map(np.array)
FEW = settings(max_examples=8, deadline=None)


def refuted(counts: np.ndarray, rate: float) -> np.ndarray:
    return log_capital(COIN, counts, np.full(len(counts), 2 * rate - 1)) >= -math.log(LEVEL)


def beyond_wilson(counts: np.ndarray, rate: float) -> np.ndarray:
    n = counts.sum(1)
    return np.abs(counts[:, 0] / n - rate) > 1.959964 * np.sqrt(rate * (1 - rate) / n)


def ever_missed(rate: float, episodes: int, misses: Callable[[np.ndarray, float], np.ndarray]) -> float:
    """Exact probability that any of the intervals after 1 … `episodes` episodes misses the rate."""
    alive, missed = np.ones(1), 0.0  # probability of each number of successes, of the sequences that never missed
    for n in range(1, episodes + 1):
        alive = np.append(alive * (1 - rate), 0) + np.append(0, alive * rate)
        successes = np.arange(n + 1)
        out = misses(np.stack([successes, n - successes], 1), rate)
        missed += alive[out].sum()
        alive[out] = 0
    return missed


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.97])
def test_all_intervals_of_a_rate_together_hold(rate: float):
    assert 0.003 < ever_missed(rate, 150, refuted) <= 0.05  # not needlessly wide, either


def test_all_of_wilsons_intervals_together_do_not_hold():
    assert ever_missed(0.8, 60, beyond_wilson) > 0.15


def test_the_bounds_are_the_means_against_which_the_capital_reaches_20():
    counts = np.array([[9, 3, 0], [4, 9, 2]])
    for bound in mean_bounds(PAIR, counts):
        assert log_capital(PAIR, counts, bound) == pytest.approx(-math.log(LEVEL), abs=1e-6)


def test_the_capital_is_convex_in_the_mean_so_that_what_remains_is_an_interval():
    means = np.linspace(-0.99, 0.99, 199)
    for counts in ([3, 9, 1], [0, 20, 0], [12, 0, 2]):
        capital = np.exp(log_capital(PAIR, np.tile(counts, (len(means), 1)), means))
        assert (np.diff(capital, 2) > -1e-9 * capital[1:-1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("shares", [(0.2, 0.6, 0.2), (0.3, 0.65, 0.05), (0.02, 0.96, 0.02), (0.5, 0.0, 0.5)])
def test_all_intervals_of_a_paired_difference_together_hold(shares: tuple[float, float, float]):
    random, runs, episodes = np.random.default_rng(0), 800, 80
    drawn = random.choice(3, (runs, episodes), p=shares)
    counts = np.cumsum(drawn[..., None] == np.arange(3), 1).reshape(-1, 3)
    kinds, which = np.unique(counts, axis=0, return_inverse=True)
    truth = np.full(len(kinds), shares[0] - shares[2])
    missed = (log_capital(PAIR, kinds, truth) >= -math.log(LEVEL))[which.reshape(runs, episodes)].any(1)
    assert missed.mean() <= 0.05 and (missed.any() or shares[0] < 0.1)


@pytest.mark.parametrize(("successes", "count"), [(10, 20), (19, 20), (20, 20), (50, 100), (95, 100), (140, 200)])
def test_it_is_wider_than_wilsons_by_what_is_stated(successes: int, count: int):
    low, high = mean_bounds(COIN, np.array([[successes, count - successes]]))
    wilson = Rate.of(successes, count)
    assert 1.25 < (high[0] - low[0]) / 2 / (wilson.high - wilson.low) < 1.8
    assert (1 + low[0]) / 2 < wilson.low and (1 + high[0]) / 2 > min(wilson.high, 1 - 1e-9) - 1e-9


@pytest.mark.slow
@FEW
@given(OUTCOMES)
def test_a_rate_is_inside_never_widens_and_mirrors(successes: np.ndarray):
    sequence, mirrored = sequential_rate(successes), sequential_rate(~successes)
    assert (np.diff(sequence.low) >= 0).all() and (np.diff(sequence.high) <= 0).all()
    assert (sequence.low >= 0).all() and (sequence.high <= 1).all() and (sequence.low < sequence.high).all()
    np.testing.assert_allclose(sequence.value, np.cumsum(successes) / np.arange(1, len(successes) + 1))
    np.testing.assert_allclose(sequence.low, 1 - mirrored.high, atol=1e-8)
    # Looking on changes nothing that was seen before.
    half = sequential_rate(successes[: len(successes) // 2 + 1])
    np.testing.assert_allclose(sequence.low[: len(half.low)], half.low)


@pytest.mark.slow
@FEW
@given(PAIRS)
def test_a_difference_the_other_way_round_is_its_mirror_image(pairs: np.ndarray):
    first, second = pairs.T
    forth, back = sequential_difference(first, second), sequential_difference(second, first)
    np.testing.assert_allclose(forth.sequence.low, -back.sequence.high, atol=1e-8)
    np.testing.assert_allclose(forth.evidence, back.evidence, rtol=1e-9)
    assert forth.settled == back.settled and forth.p_value == pytest.approx(back.p_value)
    assert forth.sequence.value[-1] == pytest.approx(RateDifference.of(first, second).value)


@FEW
@given(PAIRS)
def test_evidence_is_the_mixture_likelihood_ratio_of_the_episodes_won_and_lost(pairs: np.ndarray):
    first, second = pairs.T
    won, lost = np.cumsum(second & ~first), np.cumsum(first & ~second)
    expected = betaln(0.5 + won, 0.5 + lost) - betaln(0.5, 0.5) + (won + lost) * math.log(2)
    result = sequential_difference(first, second)
    np.testing.assert_allclose(np.log(result.evidence), expected, atol=1e-8)
    # The interval excludes 0 from the episode on at which the evidence reaches 20.
    excludes = np.flatnonzero((result.sequence.low > 0) | (result.sequence.high < 0))
    assert (int(excludes[0]) + 1 if len(excludes) else None) == result.settled


def test_a_clear_difference_settles_early_and_stays_settled():
    first, second = np.zeros(30, bool), np.arange(30) % 5 > 0
    result = sequential_difference(first, second)
    assert result.settled is not None and result.settled < 12
    assert result.evidence[result.settled - 2] < 20 <= result.evidence[result.settled - 1]
    figures = result.to_dict()
    assert figures["value"] == pytest.approx(0.8) and figures["low"] > 0 and figures["count"] == 30
    assert figures["p_value"] == pytest.approx(1 / result.evidence.max()) and figures["settled_after"] == result.settled


def test_a_rate_that_cannot_have_been_constant_is_said():
    changed = sequential_rate(np.repeat([True, False], 40))
    at = changed.contradicted
    assert at is not None and 40 < at < 80
    assert (changed.low[at - 1 :] == changed.low[at - 2]).all() and (changed.low < changed.high).all()
    assert sequential_rate(np.tile([True, False], 40)).contradicted is None


def test_a_long_sequence_stays_finite():
    counts = np.array([[100_000, 0, 0], [50_000, 0, 50_000]])
    low, high = mean_bounds(PAIR, counts)
    assert np.isfinite(log_capital(PAIR, counts, np.zeros(2))).all()
    assert 0.99 < low[0] < high[0] == 1 and -0.05 < low[1] < 0 < high[1] < 0.05


def test_episodes_that_are_not_the_same_or_none_are_refused():
    with pytest.raises(ValueError, match="the same episodes of both"):
        sequential_difference(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="at least one episode"):
        sequential_rate(np.ones(0, bool))
