"""Errors per unit and seed: what their intervals cover, and that differences are paired."""

import numpy as np
import pytest

from sim2real.studies.estimates import Resamples

random = np.random.default_rng(0)


def test_the_mean_is_over_samples_and_seeds():
    counts = np.array([1, 3])
    sums = np.array([[1.0, 0.0], [3.0, 0.0]])  # the first unit's only sample errs, by 1 and by 3
    assert Resamples(counts).error(sums).value == pytest.approx(0.5)


def test_units_that_are_hard_for_both_do_not_hide_a_difference():
    counts = np.full(20, 10)
    hard = random.uniform(0.1, 5.0, 20) * counts
    reference, better = np.stack([hard] * 3), np.stack([0.9 * hard] * 3)
    resamples = Resamples(counts)
    change = resamples.change(better, reference)
    assert change.value == pytest.approx(-0.1) and change.low == pytest.approx(-0.1) == change.high
    error = resamples.error(reference)
    assert error.low is not None and error.high is not None and error.high - error.low > 0.5


def test_seeds_that_disagree_widen_the_interval():
    counts = np.full(20, 10)
    even = np.ones((3, 20)) * counts
    uneven = np.array([0.7, 1.0, 1.3])[:, None] * counts
    change = Resamples(counts).change(uneven, even)
    assert change.value == pytest.approx(0.0) and change.low is not None and change.high is not None
    assert change.low <= -0.29 and change.high >= 0.29


def test_one_unit_has_no_interval():
    estimate = Resamples(np.array([5])).error(np.array([[5.0]]))
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)


def test_a_training_that_diverged_has_no_interval():
    counts = np.full(8, 10)
    broken = np.full((2, 8), np.nan)
    change = Resamples(counts).change(broken, np.ones((2, 8)))
    assert np.isnan(change.value) and change.low is None
