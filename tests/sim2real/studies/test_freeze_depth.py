"""Which stages each plan trains, and the verdicts on them, in both directions."""

import dataclasses

import pytest

from policies.stages import STAGE_NAMES
from sim2real.statistics.agreement import Estimate
from sim2real.studies.freeze_depth import DEPTHS, HIGHEST, LOWEST, depth_plan, enough, lowest_or_highest

LESS, MORE, NEITHER = Estimate(-0.02, -0.03, -0.01), Estimate(0.02, 0.01, 0.03), Estimate(0.0, -0.01, 0.01)


@pytest.mark.parametrize("count", DEPTHS)
def test_as_many_stages_are_trained_from_either_end(count):
    low, high = depth_plan(LOWEST, count), depth_plan(HIGHEST, count)
    assert low.trained == (*STAGE_NAMES[:count], "head")
    assert high.trained == (*STAGE_NAMES[len(STAGE_NAMES) - count :], "head")
    assert (low == high) == (count in (0, len(STAGE_NAMES)))


def test_depths_differ_in_what_is_trained_alone():
    alike = {"name": "any", "rates": {}}
    plans = [dataclasses.replace(depth_plan(which, k), **alike) for which in (LOWEST, HIGHEST) for k in DEPTHS]
    assert all(plan == plans[0] for plan in plans)
    assert not plans[0].reset and plans[0].l2sp == plans[0].cotrain == 0 and plans[0].steps(300) > 500


@pytest.mark.parametrize(
    ("differences", "sensor", "task"),
    [
        ((LESS, LESS, NEITHER, NEITHER), True, False),
        ((MORE, NEITHER, NEITHER, NEITHER), False, True),
        ((LESS, MORE, NEITHER, NEITHER), False, False),  # it depends on the depth
        ((NEITHER,) * 4, None, None),
        ((Estimate(-0.02, None, None),) * 4, None, None),
    ],
)
def test_which_stages_are_better(differences, sensor, task):
    by_count = dict(enumerate(differences, 1))
    assert lowest_or_highest("sensor", by_count).holds is sensor
    assert lowest_or_highest("task", by_count).holds is task


def test_few_stages_are_enough_within_a_twentieth_of_the_error():
    everything = Estimate(0.1, 0.09, 0.11), Estimate(0.3, 0.2, 0.4)
    assert enough("sensor", Estimate(0.001, -0.003, 0.005), *everything).holds is True
    assert enough("sensor", Estimate(0.008, 0.006, 0.010), *everything).holds is False
    assert enough("near", Estimate(0.004, 0.001, 0.007), *everything).holds is None
    assert enough("near", Estimate(-0.02, None, None), *everything).holds is None
