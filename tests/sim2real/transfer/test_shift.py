"""What recordings look like without training, and the plan that this speaks for."""

import dataclasses

import numpy as np
import pytest

from bars import bars
from policies.stages import STAGE_NAMES
from sim2real.evaluation.offline import predict
from sim2real.transfer.choose import choose
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import PARTS, find_plan
from sim2real.transfer.shift import measure_shift, recommend


@pytest.fixture(scope="module")
def simulated(knows_bars) -> Simulated:
    frames = bars(20, 10, seed=30)
    return Simulated(frames.images, predict(knows_bars, frames.images), frames.episode)


def same_shift(value: float) -> dict[str, float]:
    return dict.fromkeys(STAGE_NAMES, value)


def test_another_sensor_is_seen_in_the_low_stages(knows_bars, simulated):
    familiar = measure_shift(knows_bars, bars(6, 20, seed=31), simulated)
    other = measure_shift(knows_bars, bars(6, 20, seed=31, dim=True), simulated)
    for stage in ("stem", "stage1"):
        assert familiar.shift[stage] < 2 * familiar.usual[stage] + 0.1
        assert other.shift[stage] > 2 * familiar.shift[stage]
    assert set(other.gradients) == set(PARTS) and min(other.gradients.values()) > 0
    assert other.zero_shot["correlation"].value < familiar.zero_shot["correlation"].value
    assert familiar.frames == 120 and familiar.episodes == 6
    assert familiar.recommended == "sensor-shift"


def test_the_probe_leaves_the_policy_alone(knows_bars, simulated):
    before = {name: value.clone() for name, value in knows_bars.state_dict().items()}
    measure_shift(knows_bars, bars(3, 20, seed=31), simulated)
    assert all((before[name] == value).all() for name, value in knows_bars.state_dict().items())


@pytest.mark.parametrize(
    ("frames", "correlation", "plan"),
    [
        (20, 0.93, "gain"),
        (300, 0.93, "sensor-shift"),
        (2000, 0.85, "strange-place"),
        (100, 0.0, "strange-place"),
        (300, float("nan"), "strange-place"),
        (20_000, 0.0, "scratch"),
    ],
)
def test_what_transfers_depends_on_what_zero_shot_sees_and_on_the_number_of_frames(frames, correlation, plan):
    recommended, reason = recommend(frames, same_shift(0.8), correlation)
    assert recommended == plan and "low stages shifted by 0.80" in reason and f"{frames} frames" in reason


@pytest.mark.slow
def test_auto_takes_what_errs_least_on_episodes_left_out(knows_bars, simulated, tmp_path):
    frames = bars(6, 25, seed=32, dim=True)
    quick = {"updates": 40, "most_passes": 1e3, "learning_rate": 4e-3}
    plans = {name: dataclasses.replace(find_plan(name), **quick) for name in ("sensor-shift", "full")}
    choice = choose(Material(knows_bars, frames, np.array([-1.0]), simulated), plans, tmp_path)
    assert set(choice.errors) == {"gain", *plans}
    priors = abs(plans["full"].expected[0] - plans["sensor-shift"].expected[0])  # they decide between near equals
    assert choice.errors[choice.candidate] < np.exp(priors) * min(choice.errors.values()) < 0.9 * choice.errors["gain"]
    assert choice.candidate == choice.plan and choice.expected[choice.plan].loss < 1 and "3-fold" in choice.reason
    single = dataclasses.replace(frames, episode=np.zeros(len(frames), int))
    alone = choose(Material(knows_bars, single, None, simulated), plans, tmp_path / "one")
    assert not alone.errors and "prior alone" in alone.reason and set(alone.expected) == set(plans)


@pytest.mark.slow
def test_auto_does_not_adapt_to_labels_that_show_nothing(knows_bars, tmp_path):
    """Shuffled labels: whatever is fitted to them sees worse than the pretrained policy."""
    frames = bars(6, 25, seed=34)
    plan = dataclasses.replace(find_plan("strange-place"), updates=40, most_passes=1e3)
    shuffled = dataclasses.replace(frames, actions=np.random.default_rng(0).permutation(frames.actions))
    choice = choose(Material(knows_bars, shuffled), {plan.name: plan}, tmp_path / "shuffled")
    assert choice.errors[plan.name] > 0.9 * choice.errors["gain"]
    near = choose(Material(knows_bars, frames), {plan.name: plan}, tmp_path / "near")
    assert near.candidate == "gain" and near.plan == plan.name


@pytest.mark.slow
def test_where_commands_are_in_known_units_auto_does_not_choose_who_moves_less(knows_bars, tmp_path):
    """With much noise in what was done smaller motions have the smaller error, and see nothing better for it."""
    frames = dataclasses.replace(bars(6, 20, seed=33, gain=0.4, dim=True), criterion="rmse")
    plan = dataclasses.replace(find_plan("sensor-shift"), rescale=True, updates=3, most_passes=1e3, cotrain=0.0)
    plans = {"sensor-shift": dataclasses.replace(plan, learning_rate=1e-6)}
    choice = choose(Material(knows_bars, frames), plans, tmp_path)
    assert "gain-free RMSE" in choice.reason and set(choice.errors) == {"zero-shot", "sensor-shift"}
    # The plan only scales: in what is seen the two are alike.
    assert choice.errors["zero-shot"] == pytest.approx(choice.errors["sensor-shift"], rel=0.1)
    assert choice.expected["sensor-shift"].loss > 0.95
