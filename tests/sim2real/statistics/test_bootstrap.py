# pyright: reportArgumentType=false
"""The one bootstrap: against SciPy, and how often its intervals hold the truth where there are few units."""

import numpy as np
import pytest
from scipy import stats

from sim2real.statistics.bootstrap import Bootstrap


def test_six_units_and_more_have_the_interval_of_scipy_at_the_expanded_level():
    values = np.random.default_rng(0).lognormal(0, 0.5, 9)
    bootstrap = Bootstrap(9, resamples=20_000)
    interval = bootstrap.interval(values.mean(), bootstrap.weights @ values / 9)
    level = 2 * stats.norm.cdf(np.sqrt(9 / 8) * stats.t.ppf(0.975, 8)) - 1
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, confidence_level=level, method="percentile", rng=1)
    low, high = theirs.confidence_interval
    assert interval == pytest.approx((low, high), abs=0.03 * (high - low))


def test_over_few_units_the_interval_of_a_mean_is_nearly_students():
    values = np.array([0.3, 0.5, 0.2, 0.9])
    for n in (2, 3, 4):
        bootstrap = Bootstrap(n, resamples=20_000)
        interval = bootstrap.interval(values[:n].mean(), bootstrap.weights @ values[:n] / n)
        low, high = stats.t.interval(0.95, n - 1, values[:n].mean(), stats.sem(values[:n]))
        assert interval == pytest.approx((low, high), abs=0.02 * (high - low))


def test_what_is_out_of_reach_is_not_in_the_interval():
    bootstrap = Bootstrap(2)
    low, high = bootstrap.interval(0.5, bootstrap.weights @ [0.1, 0.9] / 2, 0.0, 1.0) or (None, None)
    assert (low, high) == (0.0, 1.0)


def test_one_unit_or_an_undefined_figure_has_no_interval():
    assert Bootstrap(1).interval(0.5, np.full(2000, 0.5)) is None
    drawn = np.full(2000, 0.5)
    drawn[:400] = np.nan
    assert Bootstrap(8).interval(0.5, drawn) is None and Bootstrap(8).interval(np.nan, np.full(2000, 0.5)) is None
    assert len(Bootstrap(0).weights) == 2000


@pytest.mark.parametrize(("units", "least"), [(2, 0.9), (3, 0.9), (4, 0.88), (6, 0.86), (8, 0.88)])
def test_intervals_over_few_units_hold_the_truth_nearly_as_often_as_they_say(units: int, least: float):
    """Of the root of a mean square, as identification and agreement report it, over units that differ by a half."""
    random, held, times = np.random.default_rng(units), 0, 600
    truth = np.sqrt(np.exp(0.5**2 / 2))
    for _ in range(times):
        square, bootstrap = random.lognormal(0, 0.5, units), Bootstrap(units, resamples=500)
        drawn = np.sqrt(bootstrap.weights @ square / units)
        low, high = bootstrap.interval(float(np.sqrt(square.mean())), drawn, least=0.0) or (0.0, 0.0)
        held += low <= truth <= high
    assert least <= held / times <= 0.99
