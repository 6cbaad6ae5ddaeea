# pyright: reportAttributeAccessIssue=false
"""The comparison of rankings: it finds orders that were given, and counts as those that it reuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ranks import OVER, Score, offline_metrics, offline_scores, ranked
from sim2real.statistics.agreement import Agreement
from sim2real.statistics.correlation import rank_correlations

CHECKPOINTS = 16


@given(st.integers(0, 2**32 - 1))
def test_metrics_are_those_of_the_comparison_with_recordings(seed: int):
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(8), 20)
    actual = random.uniform(-1, 1, 160)
    predicted = 0.5 * actual + random.normal(0.1, 0.2, 160)
    found = offline_metrics(predicted, actual, unit, np.ones((1, 8)))
    known = Agreement(actual, unit, resamples=2).measure(predicted)
    for name, figure in known.items():
        assert found[name][0] == pytest.approx(figure.value, rel=1e-6), name
    assert found["relative"][0] == np.mean(np.abs(predicted - actual) > 0.1 * np.abs(actual))


def test_a_rare_curve_counts_as_much_as_the_straight_in_the_balanced_mae():
    actual = np.r_[np.zeros(90), np.ones(10)]
    found = offline_metrics(np.zeros(100), actual, np.zeros(100, int), np.ones((1, 1)))
    assert found["mae"][0] == pytest.approx(0.1) and found["balanced_mae"][0] == pytest.approx(0.5)
    assert found["correlation"][0] == 0


@given(st.integers(0, 2**32 - 1))
def test_rank_correlations_are_scipys(seed: int):
    x, y = np.random.default_rng(seed).integers(0, 9, (2, 1, 12)).astype(float)
    expected = spearmanr(x[0], y[0])[0]
    assert rank_correlations(x, y)[0] == pytest.approx(expected, nan_ok=True)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_score_in_the_true_order_is_better_than_one_by_chance(seed: int):
    random = np.random.default_rng(seed)
    skill = np.linspace(0.05, 0.95, CHECKPOINTS)[:, None]
    truth = Score.mean(random.random((CHECKPOINTS, 400)) < skill, 1)
    same = Score.mean(random.random((CHECKPOINTS, 400)) < skill, 2)
    chance = Score.mean(random.random((CHECKPOINTS, 400)) < random.permutation(skill), 3)
    figures = ranked({"same": same, "chance": chance}, truth, "same")
    rho, apart = figures["same"]["spearman"], figures["chance"]["difference"]
    assert rho["value"] > 0.95 and all(rho[over][0] <= rho[over][1] for over in OVER)
    assert (
        figures["same"]["mmrv"]["value"] < 0.05 < figures["chance"]["mmrv"]["value"]
        and "difference" not in figures["same"]
    )
    assert apart["value"] == pytest.approx(rho["value"] - figures["chance"]["spearman"]["value"])
    assert apart["both"][0] <= apart["value"] <= apart["both"][1]


def test_offline_scores_are_larger_for_the_better():
    random = np.random.default_rng(0)
    actual, unit = random.uniform(-1, 1, 400), np.repeat(np.arange(10), 40)
    predicted = np.stack([actual + random.normal(0, noise, 400) for noise in (0.05, 0.2, 0.8)])
    for name, score in offline_scores(predicted, actual, unit, 0).items():
        assert score.value[0] > score.value[1] > score.value[2], name
        assert score.drawn.shape == (2000, 3), name
