"""Rates, their differences, and the intervals of both."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.statistics.rates import Rate, RateDifference


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [
        # Newcombe 1998, table I, method 3; and Agresti & Coull 1998 for 0 of 10.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 10, 0.0000, 0.2775),
    ],
)
def test_published_intervals(successes: int, count: int, low: float, high: float):
    rate = Rate.of(successes, count)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert rate.value == successes / count and rate.count == count


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons_and_contains_the_rate(counts: tuple[int, int]):
    successes, count = counts
    rate = Rate.of(successes, count)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1
    assert rate.low < rate.high
    # Its ends are the rates p from which the observed one is 1.96 standard errors of p away (Wilson 1927).
    for end in (rate.low, rate.high):
        if 0 < end < 1:
            assert abs(rate.value - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / count), rel=1e-4)
    mirrored = Rate.of(count - successes, count)
    assert (mirrored.low, mirrored.high) == (pytest.approx(1 - rate.high), pytest.approx(1 - rate.low))


@given(st.integers(0, 20), st.integers(2, 50))
def test_more_episodes_tell_more(successes: int, times: int):
    few, many = Rate.of(successes, 20), Rate.of(successes * times, 20 * times)
    assert many.value == few.value and many.high - many.low < few.high - few.low


def test_it_is_printed_in_percent_and_kept_as_plain_numbers():
    assert str(Rate.of(9, 10)) == "90.0 % [59.6, 98.2] of 10"
    assert Rate.of(1, 2).to_dict() == {
        "value": 0.5,
        "low": pytest.approx(0.0945, abs=1e-4),
        "high": pytest.approx(0.9055, abs=1e-4),
        "count": 2,
    }


@pytest.mark.parametrize(("successes", "count"), [(0, 0), (3, 2), (-1, 4)])
def test_impossible_counts_are_refused(successes: int, count: int):
    with pytest.raises(ValueError):
        Rate.of(successes, count)


def pairs(both: int, won: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Successes of the first and of the second, of so many episodes each."""
    first = np.repeat([True, False, True, False], [both, won, lost, neither])
    return first, np.repeat([True, True, False, False], [both, won, lost, neither])


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        # Newcombe 1998 (paired data), table III, method 10.
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.0562, 0.3292),
        ((18, 12, 2, 18), 0.0562, 0.3290),
        ((36, 14, 0, 0), 0.1528, 0.4167),
        ((35, 14, 0, 1), 0.1461, 0.4175),
        ((18, 14, 0, 18), 0.1441, 0.3963),
        ((2, 97, 1, 0), 0.8721, 0.9854),
        ((0, 29, 1, 0), 0.6666, 0.9882),
        ((0, 30, 0, 0), 0.8395, 1.0000),
        ((54, 0, 0, 0), -0.0664, 0.0664),
        ((30, 0, 0, 24), -0.0358, 0.0358),
    ],
)
def test_published_intervals_of_paired_differences(counts: tuple[int, ...], low: float, high: float):
    difference = RateDifference.of(*pairs(*counts))
    assert (difference.low, difference.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))
    assert difference.value == pytest.approx((counts[1] - counts[2]) / sum(counts))
    assert (difference.won, difference.lost, difference.count) == (counts[1], counts[2], sum(counts))


COUNTS = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda counts: sum(counts) > 0)


@given(COUNTS)
def test_a_difference_the_other_way_round_is_its_mirror_image(counts: tuple[int, ...]):
    first, second = pairs(*counts)
    forth, other = RateDifference.of(first, second), RateDifference.of(second, first)
    assert -1 - 1e-9 <= forth.low <= forth.value <= forth.high <= 1 + 1e-9
    assert (forth.value, forth.low, forth.high) == pytest.approx((-other.value, -other.high, -other.low), abs=1e-12)
    assert forth.p_value == pytest.approx(other.p_value) and (forth.won, forth.lost) == (other.lost, other.won)
    order = np.random.default_rng(0).permutation(len(first))
    assert RateDifference.of(first[order], second[order]) == forth


@given(COUNTS)
def test_mcnemars_p_is_that_of_a_fair_coin(counts: tuple[int, ...]):
    difference, n = RateDifference.of(*pairs(*counts)), counts[1] + counts[2]
    tail = sum(math.comb(n, k) for k in range(min(counts[1:3]) + 1)) / 2**n
    assert difference.p_value == pytest.approx(min(1.0, 2 * tail))


def test_the_interval_of_a_paired_difference_covers_it():
    random, covered = np.random.default_rng(0), 0
    shares = np.array([0.5, 0.25, 0.05, 0.2])
    for _ in range(1000):
        difference = RateDifference.of(*pairs(*random.multinomial(40, shares)))
        covered += difference.low <= 0.2 <= difference.high
    assert 0.93 < covered / 1000 < 0.98


def test_episodes_that_are_not_the_same_are_refused():
    for first, second in ((np.ones(3, bool), np.ones(4, bool)), (np.ones(0, bool), np.ones(0, bool))):
        with pytest.raises(ValueError, match="a paired difference needs the same episodes of both"):
            RateDifference.of(first, second)


def test_a_difference_is_printed_in_points():
    text = str(RateDifference.of(*pairs(36, 12, 2, 0)))
    assert text == "+20.0 points [+5.7, +34.0], won 12, lost 2 of 50, p = 0.013"
