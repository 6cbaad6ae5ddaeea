"""The expected error of a candidate: priors and measurements combine, and the decision has little regret."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.statistics.agreement import Estimate
from sim2real.transfer.choose import AUTO
from sim2real.transfer.expectation import Expectation, measured, prior
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.validation import FOLDS, LEFT_BEHIND

PLANS = [find_plan(name) for name in AUTO]
NUMBERS = st.floats(-3, 3)
STDS = st.floats(0.01, 3)


@given(NUMBERS, STDS, NUMBERS, STDS)
def test_a_posterior_lies_between_prior_and_measurement_and_is_surer_than_both(mean, std, other, noise):
    posterior = Expectation(mean, std).updated(Expectation(other, noise))
    assert min(mean, other) - 1e-9 <= posterior.mean <= max(mean, other) + 1e-9
    assert posterior.std < min(std, noise)


@given(st.floats(-1, 1), st.integers(10, 100_000))
def test_priors_follow_what_zero_shot_sees_and_how_much_there_is_to_learn_from(correlation, frames):
    for plan in PLANS:
        expectation = prior(plan, correlation, frames)
        assert 0 < expectation.std < 1
        assert expectation.mean >= prior(plan, correlation - 0.2, frames).mean - 1e-9
        assert expectation.mean >= prior(plan, correlation, 2 * frames).mean


def test_before_anything_is_measured_a_blind_policy_is_not_expected_to_be_the_best():
    near, far = ({name: prior(find_plan(name), r, 300) for name in AUTO} for r in (0.93, 0.0))
    assert all(expectation.loss >= 0.97 for expectation in near.values())
    assert min(far.values(), key=lambda e: e.loss).loss < 0.7
    assert prior(find_plan("scratch"), math.nan, 300) == prior(find_plan("scratch"), 0.0, 300)


def test_a_single_block_measures_nothing():
    assert measured(Estimate(0.1, None, None), Estimate(0.2, None, None), Estimate(-0.1, None, None)) is None
    ratio = measured(Estimate(0.1, 0.0, 0.2), Estimate(0.2, 0.1, 0.3), Estimate(-0.1, -0.2, 0.0))
    assert ratio is not None and ratio.mean == pytest.approx(math.log(0.5)) and ratio.std > 0.5


def regret(rule, blocks: int, seed: int = 0, worlds: int = 4000) -> float:
    """Mean of (error of what a rule hands out / error of the best - 1) over worlds drawn from the priors.

    The spread of one block's log ratio is 0.4; what holds on the learning frames differs by 0.1 from what will hold.
    """
    random = np.random.default_rng([seed, blocks])
    total = 0.0
    for correlation in random.uniform(-0.1, 0.95, worlds):
        priors = [prior(plan, correlation, 300) for plan in PLANS]
        truth = np.array([0.0, *(random.normal(e.mean, e.std) for e in priors)])
        noise = math.hypot(0.4 / math.sqrt(blocks), 0.1) if blocks else math.inf
        seen = [Expectation(random.normal(t, noise), noise) if blocks else None for t in truth[1:]]
        taken = rule(priors, seen)
        total += math.exp(truth[taken] - truth.min()) - 1
    return total / worlds


def by_expectation(priors, seen) -> int:
    posteriors = [p if m is None else p.updated(m) for p, m in zip(priors, seen, strict=True)]
    return int(np.argmin([1.0, *(p.loss for p in posteriors)]))


def by_measurement(_, seen) -> int:
    return 0 if seen[0] is None else int(np.argmin([0.0, *(m.mean for m in seen)]))


def never(*_) -> int:
    return 0


@pytest.mark.parametrize("blocks", [0, 2, 6, 20])
def test_the_rule_has_less_regret_than_measurement_alone_or_no_adaptation(blocks):
    ours, others = regret(by_expectation, blocks), [regret(rule, blocks) for rule in (by_measurement, never)]
    assert ours < 0.8 * min(others) if blocks < 20 else ours <= 1.02 * min(others)
    assert ours < {0: 0.25, 2: 0.15, 6: 0.08, 20: 0.04}[blocks]


def raced(limit: float, blocks: int = 12, seed: int = 0, worlds: int = 2000) -> tuple[float, float]:
    """Return the mean regret of a race over FOLDS folds, and the share of the fits that it needs."""
    random, total, fits = np.random.default_rng([seed, blocks]), 0.0, 0
    for correlation in random.uniform(-0.1, 0.95, worlds):
        priors = [prior(plan, correlation, 300) for plan in PLANS]
        truth = np.array([random.normal(e.mean, e.std) for e in priors])
        elsewhere = random.normal(0, 0.1, len(PLANS))
        noise = random.normal(0, 0.4 / math.sqrt(blocks / FOLDS), (FOLDS, len(PLANS)))
        posteriors, racing = list(priors), list(range(len(PLANS)))
        for fold in range(1, FOLDS + 1):
            fits += len(racing)
            std = math.hypot(0.4 / math.sqrt(blocks * fold / FOLDS), 0.1)
            for k in racing:
                seen = Expectation(truth[k] + elsewhere[k] + noise[:fold, k].mean(), std)
                posteriors[k] = priors[k].updated(seen)
            best = min(1.0, *(posteriors[k].loss for k in racing))
            racing = [k for k in racing if posteriors[k].loss < limit * best]
            if not racing:
                break
        every = np.array([0.0, *truth])
        total += math.exp(every[int(np.argmin([1.0, *(p.loss for p in posteriors)]))] - every.min()) - 1
    return total / worlds, fits / (worlds * FOLDS * len(PLANS))


def test_a_race_needs_fewer_fits_and_hardly_chooses_worse():
    (everything, all_fits), (race, fits) = raced(math.inf), raced(LEFT_BEHIND)
    assert all_fits == 1 and fits < 0.75
    assert race < everything + 0.005
