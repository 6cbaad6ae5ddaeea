"""What follows from errors at all places: the textbook's rules, and the advice, in both directions."""

from collections.abc import Mapping

import pytest

from sim2real.statistics.agreement import Estimate
from sim2real.studies.similarity_verdicts import RULES, Place, best_here, named, textbook

NOISE = 0.01


def place(cell: str, frames: int, errors: Mapping[str, float], **advice: str) -> Place:
    """Errors with intervals of ± NOISE about every difference."""

    def difference(first: str, second: str) -> Estimate:
        value = errors[first] - errors[second]
        return Estimate(value, value - NOISE, value + NOISE)

    best = min(errors, key=lambda name: errors[name])
    estimates = {name: Estimate(value, value - NOISE, value + NOISE) for name, value in errors.items()}
    return Place(
        cell,
        frames,
        frames == 2400,
        estimates,
        estimates,
        best,
        {name: difference(name, best) for name in errors if name != best},
        {name: {other: difference(name, other) for other in errors if other != name} for name in errors},
        {adviser: (name,) for adviser, name in advice.items()},
        0.9,
        {"stem": 1.0},
        dict.fromkeys(errors, 10),
        "gain_free_mae",
        "12 held-out sessions",
    )


def judged(**errors: float) -> bool | None:
    return best_here("the plan is best", "full", place("near", 300, errors)).holds


def test_a_plan_is_among_the_best_if_none_is_clearly_better_and_it_is_clearly_better_than_the_controls():
    verdict = best_here(
        "best", "full", place("near", 300, {"full": 0.05, "gain": 0.08, "scratch": 0.09, "other": 0.055})
    )
    assert verdict.holds is True and "; that it is better than other is not shown." in verdict.figures


def test_a_plan_need_not_err_least():
    assert judged(full=0.05, gain=0.08, scratch=0.09, other=0.045) is True


def test_a_plan_is_not_best_if_another_is_clearly_better():
    assert judged(full=0.08, gain=0.09, scratch=0.10, other=0.05) is False
    worse = best_here("best", "full", place("near", 300, {"full": 0.08, "gain": 0.02, "scratch": 0.1}))
    assert "worse than gain" in worse.figures and "+0.060" in worse.figures


def test_a_plan_that_is_not_clearly_better_than_a_control_is_not_decided():
    assert judged(full=0.05, gain=0.055, scratch=0.09) is None


def test_a_control_that_is_claimed_to_be_best_is_judged_against_the_other():
    every = place("task", 2400, {"scratch": 0.05, "gain": 0.2, "strange-place": 0.055})
    assert best_here("from scratch is best", "scratch", every).holds is True


def test_rules_are_read_at_the_fewest_and_the_most_frames():
    names = {plan: 0.1 for _, _, _, plan in RULES} | {"gain": 0.2}
    few = place("near", 50, names | {"feature-extraction": 0.05})
    many = place("near", 2400, names | {"feature-extraction": 0.05})
    first, second = textbook([many, few])
    assert (first.claim, first.holds) == (RULES[0][0], True) and "50 frames" in first.figures
    assert (second.claim, second.holds) == (RULES[1][0], False) and "2,400 frames (all)" in second.figures
    assert len(textbook([few])) == 1  # nothing is said about many frames
    assert not textbook([place("near", 300, names)])  # neither few nor many


def test_advice_is_wrong_where_it_is_clearly_worse():
    errors = {"sensor-shift": 0.05, "scratch": 0.10, "gain": 0.052}
    right = place("near", 50, errors, auto="sensor-shift")
    wrong = place("task", 300, errors, auto="scratch")
    verdict = named("auto", [right, wrong])
    assert verdict.holds is False
    assert "the best at 1 of 2" in verdict.figures and "50 % on average, at most by 100 %" in verdict.figures
    assert "task, 300 frames (scratch)" in verdict.figures
    assert named("auto", [right]).holds is True


def test_advice_that_may_be_worse_by_a_twentieth_is_not_decided():
    errors = {"sensor-shift": 0.5, "gain": 0.51, "scratch": 0.52}  # as good means at most 0.025 more
    assert named("probe", [place("near", 50, errors, probe="gain")]).holds is True
    assert named("probe", [place("near", 50, errors, probe="scratch")]).holds is None


def test_a_place_tells_who_is_not_clearly_worse():
    plain = place("near", 50, {"full": 0.05, "gain": 0.055, "scratch": 0.1}, auto="gain").to_dict()
    assert plain["ties"] == ["gain"] and plain["regret"]["auto"] == pytest.approx(0.1)
    assert plain["name"] == "near, 50 frames"
