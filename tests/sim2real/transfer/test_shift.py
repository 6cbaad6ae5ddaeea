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
from sim2real.transfer.shift import measure_shift, plausible, recommend


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
    assert (familiar.recommended, other.recommended) == ("gain", "sensor-shift")


def test_the_probe_leaves_the_policy_alone(knows_bars, simulated):
    before = {name: value.clone() for name, value in knows_bars.state_dict().items()}
    measure_shift(knows_bars, bars(3, 20, seed=31), simulated)
    assert all((before[name] == value).all() for name, value in knows_bars.state_dict().items())


@pytest.mark.parametrize(
    ("frames", "shift", "correlation", "plan"),
    [
        (100, 0.1, 0.9, "gain"),
        (100, 0.8, 0.8, "sensor-shift"),
        (2000, 0.8, 0.8, "sensor-shift"),
        (2000, 0.1, 0.9, "feature-extraction"),
        (20_000, 0.8, 0.8, "full"),
        (2000, 0.8, 0.1, "generic-features"),
        (2000, 0.8, float("nan"), "generic-features"),
    ],
)
def test_the_textbooks_rule(frames, shift, correlation, plan):
    assert recommend(frames, same_shift(shift), correlation)[0] == plan


def test_low_stages_of_a_familiar_sensor_are_left_alone():
    assert "sensor-shift" not in plausible(100, same_shift(0.1), 0.9)
    assert "sensor-shift" in plausible(100, same_shift(0.8), 0.9)


@pytest.mark.slow
def test_auto_takes_what_errs_least_on_episodes_left_out(knows_bars, simulated, tmp_path):
    frames = bars(6, 25, seed=32, dim=True)
    shift = measure_shift(knows_bars, frames, simulated)
    quick = {"updates": 20, "most_passes": 1e3, "learning_rate": 4e-3}
    plans = {name: dataclasses.replace(find_plan(name), **quick) for name in ("gain", "sensor-shift", "full")}
    choice = choose(Material(knows_bars, frames, np.array([-1.0]), simulated), shift, plans, tmp_path)
    assert set(choice.errors) == set(plans) and choice.plan == min(choice.errors, key=lambda name: choice.errors[name])
    assert choice.plan != "gain" and "3-fold" in choice.reason
    single = dataclasses.replace(frames, episode=np.zeros(len(frames), int))
    alone = choose(Material(knows_bars, single, None, simulated), shift, plans, tmp_path / "one")
    assert alone.plan == shift.recommended and not alone.errors


@pytest.mark.slow
def test_where_commands_are_in_known_units_auto_does_not_choose_who_moves_less(knows_bars, simulated, tmp_path):
    """With much noise in what was done the smaller error is the gain's, and it sees nothing better for it."""
    frames = bars(6, 20, seed=33, gain=0.4, dim=True)
    frames = dataclasses.replace(frames, criterion="rmse")
    plan = dataclasses.replace(find_plan("sensor-shift"), rescale=False, updates=3, most_passes=1e3, cotrain=0.0)
    plans = {"gain": find_plan("gain"), "sensor-shift": dataclasses.replace(plan, learning_rate=1e-6)}
    choice = choose(Material(knows_bars, frames), measure_shift(knows_bars, frames, simulated), plans, tmp_path)
    assert "gain-free RMSE" in choice.reason
    # The plan hardly changes anything, on the policy's own scale: by what they see the two are alike.
    assert choice.errors["gain"] == pytest.approx(choice.errors["sensor-shift"], rel=0.1)
