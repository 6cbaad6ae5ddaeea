"""The recipe of copied weights, and the verdict on their learning rate, in both directions."""

import dataclasses

import pytest

from sim2real.statistics.agreement import Estimate
from sim2real.studies.learning_rate import Curves, smaller_rate
from sim2real.studies.recipe import copied_plan, scratch_plan

SAME, WORSE = Estimate(0.1, 0.09, 0.11), Estimate(0.2, 0.19, 0.21)
LESS, MORE, WIDE = Estimate(-0.02, -0.03, -0.01), Estimate(0.02, 0.01, 0.03), Estimate(-0.01, -0.03, 0.01)


def curves(differences: dict[float, Estimate]) -> Curves:
    """Of which 1 is the best rate from scratch."""
    copied = {1.0: SAME} | {rate: Estimate(0.1 + each.value, 0.0, 1.0) for rate, each in differences.items()}
    return Curves({1.0: SAME, **dict.fromkeys(differences, WORSE)}, copied, WORSE, differences)


@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_copied_weights_differ_from_scratch_in_weights_alone(factor: float):
    scratch, copied = scratch_plan(factor), copied_plan(factor)
    assert scratch.reset and not copied.reset
    assert scratch.learning_rate == pytest.approx(factor * scratch_plan().learning_rate)
    assert dataclasses.replace(copied, name=scratch.name, reset=scratch.reset) == scratch


@pytest.mark.parametrize(
    ("differences", "wanted"),
    [
        ({0.3: LESS, 0.1: MORE}, True),
        ({0.3: MORE, 0.1: MORE}, False),
        ({0.3: Estimate(0.0, -0.004, 0.004), 0.1: MORE}, False),  # less than a twentieth
        ({0.3: WIDE, 0.1: MORE}, None),
        ({0.3: Estimate(0.02, None, None)}, None),
    ],
)
def test_whether_a_smaller_rate_is_wanted_at_one_place(differences: dict[float, Estimate], wanted: bool | None):
    assert curves(differences).smaller_wanted is wanted


def test_smaller_means_than_the_best_from_scratch():
    best = Curves({1.0: WORSE, 0.1: SAME}, {1.0: WORSE, 0.1: SAME}, WORSE, {})
    assert best.best == 0.1 and best.smaller_wanted is None  # scratch wants the smallest of all
    assert "copied 0.1 times, the edge of the grid," in str(best)


def test_the_claim_must_hold_at_few_and_at_many_frames():
    yes, no, open_ = curves({0.1: LESS}), curves({0.1: MORE}), curves({0.1: WIDE})
    assert smaller_rate({"50": yes, "all": yes}).holds is True
    assert smaller_rate({"50": yes, "all": no}).holds is False
    verdict = smaller_rate({"50": yes, "all": open_})
    assert (
        verdict.holds is None and "50: smaller, from scratch 1 times, the edge of the grid, is best" in verdict.figures
    )
    assert "difference -0.020 [-0.030, -0.010]; untrained 0.200" in verdict.figures
