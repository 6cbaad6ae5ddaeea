"""How many episodes settle a comparison: exact power, and honest words where no number can be named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.statistics.rates import RateDifference
from sim2real.statistics.settling import POWER, power, sample_size, settle


def difference(both: int, won: int, lost: int, neither: int) -> RateDifference:
    first = np.repeat([True, False, True, False], [both, won, lost, neither])
    return RateDifference.of(first, np.repeat([True, True, False, False], [both, won, lost, neither]))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "discordant", "true"), [(100, 0.3, 0.15), (60, 0.5, 0.1), (40, 0.25, 0.25)])
def test_the_power_is_how_often_the_test_that_is_printed_finds_it(n: int, discordant: float, true: float):
    random, significant, times = np.random.default_rng(0), 0, 1500
    shares = [0.4 * (1 - discordant), (discordant + true) / 2, (discordant - true) / 2, 0.6 * (1 - discordant)]
    for counts in random.multinomial(n, shares, times):
        significant += difference(*counts).p_value < 0.05
    assert power(n, discordant, true) == pytest.approx(significant / times, abs=0.04)


def test_published_sample_sizes_are_nearly_those_of_the_normal_approximation():
    # Connor 1987 (Biometrics 43:207): n = (1.96 √ψ + 0.8416 √(ψ - δ²))² / δ²; the exact test needs a little more.
    for discordant, true in ((0.2, 0.1), (0.3, 0.1), (0.5, 0.2), (0.1, 0.02)):
        approximate = (1.959964 * discordant**0.5 + 0.841621 * (discordant - true**2) ** 0.5) ** 2 / true**2
        size = sample_size(discordant, true)
        assert size is not None and approximate < size < 1.15 * approximate + 12


@settings(max_examples=30)
@given(st.floats(0.05, 1.0), st.floats(0.1, 1.0))
def test_the_sample_size_is_where_the_power_is_reached(discordant: float, share: float):
    size = sample_size(discordant, share * discordant)
    assert size is not None and power(size, discordant, share * discordant) >= POWER
    assert power(size - 1, discordant, share * discordant) < POWER
    assert size == sample_size(discordant, -share * discordant)


def test_a_comparison_goes_on_until_it_is_settled():
    plan = settle(difference(10, 5, 2, 3))
    assert plan.more is not None and plan.total == 20 + plan.more > 100
    assert (
        f"about {plan.more} more episodes ({plan.total} in total)" in plan.text and "observed 15.0 points" in plan.text
    )
    larger = settle(difference(100, 50, 20, 30))  # the same shares, ten times the episodes
    assert larger.more == 0 and larger.text.startswith("settled at 5 %: p = 0.0")
    assert plan.to_dict() == {"more": plan.more, "total": plan.total, "text": plan.text}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            (60, 15, 15, 10),
            "no difference was observed (15 episodes each way): no number of episodes can be given; these 100",
        ),
        ((20, 3, 3, 4), "30 episodes with 6 different outcomes are too few to find any difference"),
        ((20, 0, 0, 0), "equal outcomes in all 20 episodes: the policies differ in less than 13.9 %"),
        ((5000, 1001, 1000, 3000), "a million episodes would not settle it"),
    ],
)
def test_where_no_number_can_be_named_none_is(counts: tuple[int, int, int, int], words: str):
    plan = settle(difference(*counts))
    assert (plan.more, plan.total) == (None, None) and words in plan.text


def test_what_would_have_been_found_has_the_power_that_is_claimed():
    text = settle(difference(60, 15, 15, 10)).text
    points = float(text.split(" a difference of ")[1].split(" points")[0])
    assert power(100, 0.3, points / 100) == pytest.approx(POWER, abs=0.01)


def test_it_is_said_what_following_it_again_and_again_does():
    """Optional stopping: three rounds of it double the false positives."""
    going_on, settled = settle(difference(10, 5, 2, 3)).text, settle(difference(100, 50, 20, 30)).text
    assert "testing again" in going_on and "5.9 % after three rounds" in going_on
    assert "fixed before the first result" in settled
