"""Real trials combined with simulated ones: right whatever the bias, and refused where it does not help."""

from itertools import product

import numpy as np
import pytest

from sim2real.statistics.rates import Rate
from sim2real.statistics.suresim import FEWEST, SureSim, suresim


def draw(
    random: np.random.Generator, trials: int, further: int, rate: float, simulated: float, correlation: float
) -> SureSim:
    """Draw pairs with these success rates and this correlation, and further simulated trials."""
    both = rate * simulated + correlation * np.sqrt(rate * (1 - rate) * simulated * (1 - simulated))
    kinds = random.choice(4, trials, p=[both, rate - both, simulated - both, 1 - rate - simulated + both])
    return suresim(kinds < 2, (kinds == 0) | (kinds == 2), random.random(further) < simulated)


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "simulated", "correlation"), [(0.5, 0.6, 0.8), (0.7, 0.8, 0.0)])
def test_it_covers_the_real_rate(rate: float, simulated: float, correlation: float):
    random, runs, missed, unsafe = np.random.default_rng(1), 100, 0, 0
    for _ in range(runs):
        result = draw(random, 40, 500, rate, simulated, correlation)
        missed += not result.low <= rate <= result.high
        unsafe += not result.guaranteed_low <= rate <= result.guaranteed_high
    assert missed / runs < 0.12  # 5 %, and three standard errors
    assert unsafe / runs < 0.02


def test_a_good_simulation_narrows_the_interval_even_if_it_is_biased():
    random, results = np.random.default_rng(2), []
    for _ in range(20):
        results.append(draw(random, 80, 2000, 0.6, 0.75, 0.68))  # 0.7 is the largest possible
    given = [each for each in results if not each.refused]
    assert len(given) > 5
    for each in given:
        assert each.high - each.low < each.wilson.high - each.wilson.low
        assert each.low <= each.value <= each.high and each.correlation is not None and each.correlation > 0.5
    assert np.mean([each.value for each in results]) == pytest.approx(0.6, abs=0.03)  # not 0.75


def test_a_simulation_that_says_nothing_is_hardly_ever_used():
    random = np.random.default_rng(3)
    results = [draw(random, 40, 1000, 0.7, 0.7, 0.0) for _ in range(100)]
    assert all("it needs 0.5" in each.refused for each in results)


def test_the_reason_of_a_refusal_is_said():
    mixed = np.tile([True, True, False], 20)
    assert suresim(mixed[: FEWEST - 1], mixed[: FEWEST - 1], mixed).refused.startswith(f"it needs at least {FEWEST} ")
    assert "do not vary" in suresim(mixed | True, mixed, mixed).refused
    assert "do not vary" in suresim(mixed, mixed & False, mixed).refused
    apart = suresim(mixed, ~mixed, mixed)
    assert "correlate with -1.00" in apart.refused and str(apart).startswith("no combined interval: real and")
    few = suresim(mixed, mixed, mixed[:3])  # three simulated trials hardly tell the simulated rate
    assert "it is not narrower than Wilson's" in few.refused
    assert suresim(mixed, mixed, np.tile(mixed, 20)).refused == ""


def test_it_is_what_it_is_made_of():
    mixed = np.tile([True, True, False], 20)
    result = suresim(mixed, mixed, np.tile(mixed, 20))
    assert result.wilson == Rate.of(40, 60) and result.value == pytest.approx(2 / 3) and result.simulated == 1200
    assert str(result).startswith("66.7 % [") and str(result).endswith(
        "of 60 real, each paired, and 1200 simulated trials"
    )
    assert result.guaranteed_low < result.low < result.value < result.high < result.guaranteed_high
    assert result.to_dict()["wilson"]["count"] == 60
    turned = suresim(~mixed, ~mixed, ~np.tile(mixed, 20))
    bounds = 1 - turned.high, 1 - turned.low, 1 - turned.guaranteed_high, 1 - turned.guaranteed_low
    expected = result.low, result.high, result.guaranteed_low, result.guaranteed_high
    assert bounds == pytest.approx(expected, abs=1e-9)


def test_it_stays_between_0_and_1():
    for real, paired, further in product((True, False), repeat=3):
        result = suresim(np.full(30, real), np.full(30, paired), np.full(100, further))
        assert 0 <= result.low <= result.value <= result.high <= 1
        assert 0 <= result.guaranteed_low <= result.guaranteed_high <= 1


def test_trials_that_are_not_paired_are_refused():
    with pytest.raises(ValueError, match="the same episodes of both"):
        suresim(np.ones(3, bool), np.ones(4, bool), np.ones(9, bool))
    with pytest.raises(ValueError, match="at least one further trial"):
        suresim(np.ones(3, bool), np.ones(3, bool), np.ones(0, bool))
