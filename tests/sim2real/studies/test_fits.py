"""Fits of a study: predictions that JSON can hold, compared by session and seed."""

import dataclasses
import json

import numpy as np
import pytest

from bars import bars, tiny_policy
from sim2real.progress import silent
from sim2real.studies.cells import Cell
from sim2real.studies.estimates import side
from sim2real.studies.fits import Comparison, fit_measurement, predictions
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import find_plan

JUDGED = bars(8, 40, seed=2)


def made(noise: float, seeds: int = 2) -> list[dict[str, list[list[float]]]]:
    drawn = [np.random.default_rng(seed).normal(0, noise, JUDGED.done.shape) for seed in range(seeds)]
    return [{"predicted": (JUDGED.done + each).tolist()} for each in drawn]


def test_a_fit_that_errs_more_is_shown_to():
    compared = Comparison(JUDGED, {"good": made(0.01), "bad": made(0.2), "once": made(0.01, 1)})
    assert compared.errors["good"].value < 0.05 < compared.errors["bad"].value
    against = compared.against("bad", ["good", "bad", "once"])
    assert {name: side(difference) for name, difference in against.items()} == {"good": 1, "once": 1}
    assert side(compared.difference("good", "bad")) == -1
    assert compared.units == "8 held-out episodes"


def test_differences_are_paired_by_session_and_seed():
    """Alike but for a little noise: apart their intervals overlap, yet the difference is shown."""
    random = np.random.default_rng(3)
    hard = np.repeat(random.uniform(0, 1, 8), 40)[:, None] * random.normal(0, 1, JUDGED.done.shape)
    first = [{"predicted": (JUDGED.done + 0.10 * hard).tolist()}]
    second = [{"predicted": (JUDGED.done + 0.11 * hard).tolist()}]
    compared = Comparison(JUDGED, {"first": first, "second": second})
    low, high = compared.errors["second"].low, compared.errors["first"].high
    assert low is not None and high is not None and low < high
    assert side(compared.difference("first", "second")) == -1


def test_what_diverged_errs_like_a_policy_that_sees_nothing():
    policy = tiny_policy()
    with np.errstate(all="ignore"):
        policy.heads.action.gain.fill_(float("nan"))
    kept = json.loads(json.dumps(predictions(policy, JUDGED), allow_nan=False))
    error = Comparison(JUDGED, {"diverged": [{"predicted": kept}]}).errors["diverged"].value
    assert error == pytest.approx(np.abs(JUDGED.done - JUDGED.done.mean()).mean(), abs=1e-4)


@pytest.mark.slow
def test_a_fit_learns_from_as_many_frames_as_asked_and_repeats_with_its_seed():
    cell = Cell("near", Material(tiny_policy(), bars(6, 40, seed=1)), JUDGED)
    plan = dataclasses.replace(find_plan("scratch"), updates=20)
    first, again, other = (fit_measurement(cell, 50, plan, seed).measure(silent) for seed in (0, 0, 1))
    assert fit_measurement(cell, 50, plan, 0).key == "near-50-scratch-0"
    assert first == again != other
    assert first["steps"] == 20 and len(first["predicted"]) == len(JUDGED)
    assert len(cell.limited(50, 0).frames) == 50
    assert not np.array_equal(cell.limited(50, 0).frames.images, cell.limited(50, 1).frames.images)
    assert cell.sizes((0, 50, 300)) == (50, 240)
