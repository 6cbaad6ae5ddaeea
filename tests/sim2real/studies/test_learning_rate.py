"""The recipe of copied weights, and the verdict on their learning rate, in both directions."""

import dataclasses

import pytest

from sim2real.statistics.agreement import Estimate
from sim2real.studies.learning_rate import Smaller, copied_plan, scratch_plan, smaller_rate

SAME = Estimate(0.1, 0.09, 0.11)
LESS, MORE, WIDE = Estimate(-0.02, -0.03, -0.01), Estimate(0.02, 0.01, 0.03), Estimate(-0.01, -0.03, 0.01)


def test_copied_weights_differ_from_scratch_in_weights_and_rate_alone():
    scratch, copied = scratch_plan(), copied_plan(0.1)
    assert scratch.reset and not copied.reset
    assert copied.learning_rate == pytest.approx(0.1 * scratch.learning_rate)
    same = {"name": scratch.name, "about": scratch.about, "reset": scratch.reset}
    assert dataclasses.replace(copied, **same, learning_rate=scratch.learning_rate) == scratch


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
def test_whether_a_smaller_rate_is_wanted_at_one_place(differences, wanted):
    assert Smaller(SAME, differences).wanted is wanted


def test_the_claim_must_hold_at_few_and_at_many_frames():
    yes, no, open_ = Smaller(SAME, {0.1: LESS}), Smaller(SAME, {0.1: MORE}), Smaller(SAME, {0.1: WIDE})
    assert smaller_rate({"50": yes, "all": yes}).holds is True
    assert smaller_rate({"50": yes, "all": no}).holds is False
    verdict = smaller_rate({"50": yes, "all": open_})
    assert verdict.holds is None and "50: better (the best smaller one, 0.1 times" in verdict.figures
