"""Plans are data: every named one is sound, and what is wrong in a user's own is said in one line."""

import dataclasses

import pytest

from policies.stages import STAGE_NAMES
from sim2real.transfer.adapt_config import Overrides
from sim2real.transfer.fitting.plans import PARTS, TransferPlan, find_plan, read_plans

NAMES = (
    "gain",
    "feature-extraction",
    "sensor-shift",
    "generic-features",
    "top-layers",
    "full",
    "scratch",
    "strange-place",
    "unlabelled",
)


def test_the_named_plans_are_there():
    assert set(read_plans()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_plan_says_what_it_is_for(name):
    plan = find_plan(name)
    assert plan.name == name and len(plan.about) > 20
    assert set(plan.reset) <= set(plan.trained)


def test_the_plans_are_what_their_names_say():
    assert find_plan("gain").trained == ()
    assert find_plan("feature-extraction").trained == ("head",)
    assert find_plan("feature-extraction").frozen_until == STAGE_NAMES[-1]
    shift = find_plan("sensor-shift")
    assert shift.trained == ("stem", "stage1", "head") and shift.align and shift.rates["head"] < shift.rates["stem"]
    assert find_plan("generic-features").frozen_until == "stage1"
    assert find_plan("full").trained == PARTS and not find_plan("full").reset
    assert set(find_plan("scratch").reset) == set(PARTS) != set(find_plan("generic-features").reset)


def test_more_frames_take_more_steps():
    plan = TransferPlan("p", "", updates=100, passes=4, batch_size=32)
    assert plan.steps(200) == 100 and plan.steps(8000) == 1000


def test_few_frames_are_not_looked_at_too_often():
    assert TransferPlan("p", "", updates=100, passes=4, most_passes=10, batch_size=32).steps(64) == 20


def test_a_plan_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[mine]\nrates = { stem = 1.0 }\nl2sp = 0.5\n\n[other]\nabout = "x"\n')
    assert find_plan(f"{path}:mine") == dataclasses.replace(TransferPlan("mine", "", {"stem": 1.0}), l2sp=0.5)
    with pytest.raises(ValueError, match=r"no plan 'mien'.*mine"):
        find_plan(f"{path}:mien")
    with pytest.raises(ValueError, match="mine"):
        find_plan(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[p]\nrates = { steam = 1 }", "no part 'steam'; valid: stem"),
        ('[p]\nreset = ["head"]', "resets head but never trains it"),
        ("[p]\nlearnig_rate = 1", "no setting 'learnig_rate'.*learning_rate"),
        ("[p]\nlearning_rate = 0", "learning_rate must be positive"),
        ("[p]\nrates = { stem = -1 }", "stem must be at least 0"),
        ("[p]\ncotrain = 1.0", "cotrain must be in"),
        ('[p]\nupdates = "many"', "updates = 'many' is not of the right kind"),
        ("[p]\nname = 'q'", "no setting 'name'"),
        ("[p]\nbatch_size = 16.5", "batch_size = 16.5 is not of the right kind"),
        ("[p]\nrates = { head = 'x' }", "is not of the right kind"),
        ("p = 3", "'p' is not a plan"),
        ("[p", "cannot read plans"),
    ],
)
def test_what_is_wrong_in_a_plan_is_said(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        find_plan(f"{path}:p")
    assert "\n" not in str(caught.value)


def test_a_misspelt_name_is_answered_with_the_right_one():
    with pytest.raises(ValueError, match="sensor-shift"):
        find_plan("sensor-shfit")


def test_settings_of_the_command_replace_the_plans_own():
    plan = Overrides(rates="stem=0.5,stage2=0.1", l2sp=0.2).on(find_plan("sensor-shift"))
    assert plan.rates == {"stem": 0.5, "stage1": 1.0, "stage2": 0.1, "head": 0.3} and plan.l2sp == 0.2
    assert Overrides().on(plan) == plan


@pytest.mark.parametrize("name", ["full", "zero-shot", "a/b", "auto"])
def test_a_plan_of_ones_own_needs_a_name_of_its_own(tmp_path, name):
    path = tmp_path / "mine.toml"
    path.write_text(f'["{name}"]\nrates = {{ stem = 1.0 }}\n')
    with pytest.raises(ValueError, match=r"cannot be named|is the name of a built-in plan"):
        find_plan(f"{path}:{name}")
