# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportIndexIssue=false
"""Whether simulation tells which checkpoints do well on a robot."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from sim2real.reports.plots.correlation import correlation_plot
from sim2real.statistics.correlation import Correlation, rank_violation
from sim2real.statistics.rates import Rate


def episodes(*rates: float, n: int = 100) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.permutation(n) < round(rate * n) for rate in rates]


def test_coefficients_are_those_of_scipy():
    sim, robot = (0.1, 0.5, 0.4, 0.9, 0.7), (0.2, 0.3, 0.4, 0.6, 0.5)
    correlation = Correlation.of(episodes(*sim), episodes(*robot))
    assert correlation.pearson.value == pytest.approx(pearsonr(sim, robot).statistic)
    assert correlation.spearman.value == pytest.approx(spearmanr(sim, robot).statistic)
    assert correlation.pearson.over_checkpoints == pytest.approx(tuple(pearsonr(sim, robot).confidence_interval()))
    for coefficient in (correlation.pearson, correlation.spearman):
        for low, high in (coefficient.over_episodes, coefficient.over_checkpoints):
            assert -1 <= low <= coefficient.value <= high <= 1 and low < high


def test_the_rank_violation_of_a_published_definition():
    """SIMPLER, eq. 2: of each checkpoint the largest difference that simulation orders wrongly; then their mean."""
    assert rank_violation(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.5, 0.9])) == 0
    # The first two are the wrong way round: both lose 0.3; the third is right with respect to both.
    assert rank_violation(np.array([0.2, 0.1, 0.3]), np.array([0.2, 0.5, 0.9])) == pytest.approx((0.3 + 0.3 + 0) / 3)
    assert rank_violation(np.array([0.3, 0.2, 0.1]), np.array([0.0, 0.5, 1.0])) == pytest.approx((1 + 0.5 + 1) / 3)


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=3, max_size=7))
def test_a_simulation_that_orders_alike_violates_no_rank(pairs: list[tuple[int, int]]):
    sim, robot = (np.array(side) / 10 for side in zip(*pairs, strict=True))
    violation = rank_violation(sim, robot)
    assert 0 <= violation <= np.ptp(robot) + 1e-12
    assert rank_violation(robot**3, robot) == 0
    if violation == 0 and len(set(sim)) == len(sim) and len(set(robot)) == len(robot):
        assert spearmanr(sim, robot).statistic == pytest.approx(1)


def test_three_checkpoints_say_nothing_about_others():
    correlation = Correlation.of(episodes(0.1, 0.5, 0.9), episodes(0.2, 0.5, 0.7))
    assert correlation.checkpoints == 3 and correlation.pearson.value > 0.99
    assert correlation.pearson.over_checkpoints == correlation.spearman.over_checkpoints == (-1, 1)
    assert correlation.pearson.over_episodes[0] > 0.9


def test_fewer_episodes_make_a_wider_interval():
    few, many = (Correlation.of(episodes(*a, n=n), episodes(*b, n=n)) for n in (10, 1000)
                 for a, b in [((0.3, 0.5, 0.4, 0.7), (0.2, 0.6, 0.5, 0.6))])  # fmt: skip
    assert np.ptp(few.pearson.over_episodes) > 3 * np.ptp(many.pearson.over_episodes)


def test_a_side_that_does_not_vary_has_no_correlation():
    correlation = Correlation.of(episodes(1, 1, 1, 1), episodes(0.2, 0.5, 0.7, 0.9))
    assert math.isnan(correlation.pearson.value) and "undefined" in str(correlation.pearson)
    plain = correlation.to_dict()
    assert plain["pearson"] == {"value": None, "over_episodes": [None, None], "over_checkpoints": [None, None]}
    assert plain["spearman"]["value"] is None


@pytest.mark.parametrize(
    ("sim", "robot", "message"),
    [
        (episodes(0.1, 0.2), episodes(0.1, 0.2), "needs 3 checkpoints on both sides, not 2 and 2"),
        (episodes(0.1, 0.2, 0.3), episodes(0.1, 0.2), "not 3 and 2"),
        (episodes(0.1, 0.2, 0.3), [*episodes(0.1, 0.2), np.zeros(0, bool)], "at least one completed episode"),
    ],
)
def test_what_cannot_be_correlated(sim: list, robot: list, message: str):
    with pytest.raises(ValueError, match=message):
        Correlation.of(sim, robot)


def test_the_plot_has_a_point_per_checkpoint_with_its_intervals():
    rates = {f"policy{k}": (Rate.of(2 * k, 10), Rate.of(k, 10)) for k in range(4)}
    axes = correlation_plot(rates, "in simulation", "on the rehearsal robot").axes[0]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(float(p.get_xdata()[0]), float(p.get_ydata()[0])) for p in points] == [
        (2 * k / 10, k / 10) for k in range(4)
    ]
    assert len(axes.collections) == 8
    assert axes.get_ylabel() == "success on the rehearsal robot"
