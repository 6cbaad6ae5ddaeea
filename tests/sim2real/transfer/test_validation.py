"""Cross-validation as a race: who falls behind gets no further fold, who diverges counts as far off."""

import dataclasses

import numpy as np
import pytest

from bars import bars
from sim2real.transfer.expectation import Expectation
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.validation import cross_validate

QUICK = {"updates": 10, "passes": 0.1, "most_passes": 1e3, "cotrain": 0.0}
PRIOR = Expectation(0.0, 0.3)


def race(material, folder, **plans):
    return cross_validate(material, plans, dict.fromkeys(plans, PRIOR), folder)


@pytest.mark.slow
def test_a_plan_that_falls_behind_is_given_up_and_the_race_can_be_repeated(knows_bars, tmp_path):
    material = Material(knows_bars, bars(9, 25, seed=32, dim=True), np.array([-1.0]))
    good = dataclasses.replace(find_plan("sensor-shift"), **QUICK)
    hopeless = dataclasses.replace(find_plan("scratch"), **{**QUICK, "updates": 1})
    first = race(material, tmp_path, good=good, hopeless=hopeless)
    fits = sorted(path.name for path in tmp_path.iterdir())
    assert sum(name.startswith("auto-good") for name in fits) == 3
    assert 1 <= sum(name.startswith("auto-hopeless") for name in fits) < 3
    assert first.expected["hopeless"].loss > 1.2 * first.expected["good"].loss
    assert "of them" in first.grounds and set(first.errors) == {"gain", "good", "hopeless"}
    assert race(material, tmp_path, good=good, hopeless=hopeless) == first


@pytest.mark.slow
def test_a_plan_that_diverges_is_far_off_and_stops_nothing(knows_bars, tmp_path):
    material = Material(knows_bars, bars(9, 25, seed=32), np.array([-1.0]))
    good = dataclasses.replace(find_plan("sensor-shift"), **QUICK)
    wild = dataclasses.replace(find_plan("scratch"), **{**QUICK, "learning_rate": 1e30})
    result = race(material, tmp_path, good=good, wild=wild)
    assert result.errors["wild"] > 5 * result.errors["good"]
    assert result.expected["wild"].loss > result.expected["good"].loss
