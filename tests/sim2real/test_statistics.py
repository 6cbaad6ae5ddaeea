"""Rates and their intervals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.statistics import Rate


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
