"""The gain: exact with much data, cautious with little, folded in exactly."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bars import bars
from sim2real.evaluation.offline import predict
from sim2real.transfer.fitting.fit import fit
from sim2real.transfer.fitting.gain import SANE, estimate_gain, with_gain, with_spread
from sim2real.transfer.fitting.plans import find_plan


@given(gain=st.floats(0.3, 2.0), offset=st.floats(-0.3, 0.3), seed=st.integers(0, 100))
def test_much_data_gives_the_true_gain(gain, offset, seed):
    random = np.random.default_rng(seed)
    p = random.uniform(-1, 1, 4000)
    estimated = estimate_gain(p, gain * p + offset + random.normal(0, 0.05, 4000))
    np.testing.assert_allclose(estimated, (gain, offset), atol=0.03)


def test_few_or_uninformative_frames_do_not_turn_the_scale():
    random = np.random.default_rng(0)
    straight = random.normal(0, 0.01, 30)
    gain, offset = estimate_gain(straight, random.normal(0, 0.2, 30), independent=1 / 11)
    assert abs(gain - 1) < 0.2 and abs(offset) < 0.1
    assert estimate_gain(straight[:0], straight[:0]) == (1.0, 0.0)
    assert estimate_gain(np.ones(5), np.full(5, np.nan)) == (1.0, 0.0)


def test_the_gain_is_folded_in_and_the_original_left_alone(knows_bars):
    frames = bars(4, 50, seed=5, gain=0.5)
    before = predict(knows_bars, frames.images)
    after = predict(with_gain(knows_bars, frames), frames.images)
    np.testing.assert_array_equal(predict(knows_bars, frames.images), before)
    gain, offset = estimate_gain(before[:, 0], frames.actions[:, 0], frames.independent)
    np.testing.assert_allclose(after, gain * before + offset, atol=1e-5)
    assert gain == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("criterion", "rescale", "gain"),
    [("gain_free_mae", None, 0.5), ("rmse", None, 1.0), ("gain_free_mae", False, 1.0), ("rmse", True, 0.5)],
)
def test_plans_begin_in_the_scale_of_people_and_in_known_units_as_they_are(knows_bars, criterion, rescale, gain):
    frames = dataclasses.replace(bars(4, 50, seed=5, gain=0.5), criterion=criterion)
    plan = dataclasses.replace(find_plan("full"), rescale=rescale, updates=1, passes=0.01, learning_rate=1e-9)
    assert float(fit(knows_bars, plan, frames).policy.heads.action.gain) == pytest.approx(gain, abs=0.1)
    # The gain alone is nothing but that.
    assert float(fit(knows_bars, find_plan("gain"), frames).policy.heads.action.gain) == pytest.approx(0.5, abs=0.1)


def test_an_action_without_labels_keeps_its_scale(knows_bars):
    frames = bars(2, 20, seed=5)
    frames.actions[:] = np.nan
    np.testing.assert_array_equal(
        predict(with_gain(knows_bars, frames), frames.images), predict(knows_bars, frames.images)
    )


def test_an_adapted_policy_is_scaled_by_what_it_answers_before_it_is_clipped(knows_bars):
    """A policy of the recordings' own scale, whose large answers are clipped when it acts, needs no other gain."""
    steep = copy.deepcopy(knows_bars)
    steep.heads.action.fold(torch.tensor([3.0]), torch.tensor([0.0]))
    frames = bars(6, 50, seed=5, gain=3.0)  # recorded without clipping: the scale is known exactly
    gain = with_gain(steep, frames).heads.action.gain / steep.heads.action.gain
    assert float(gain) == pytest.approx(1.0, abs=0.05)


def test_scaling_twice_by_the_same_recordings_changes_nothing(knows_bars):
    frames = bars(6, 50, seed=5, gain=2.0)
    once = with_gain(knows_bars, frames)
    twice = with_gain(once, frames)
    assert float(twice.heads.action.gain) == pytest.approx(float(once.heads.action.gain), rel=0.01)
    assert float(twice.heads.action.offset) == pytest.approx(float(once.heads.action.offset), abs=0.01)


def folded(scaled, policy) -> float:
    return float(scaled.heads.action.gain / policy.heads.action.gain)


def test_a_policy_that_sees_nothing_keeps_a_scale_in_which_its_answers_can_be_learned(knows_bars):
    """A fitted gain collapses without any correlation; the ratio of the spreads does not know of it."""
    frames = bars(6, 50, seed=5, gain=0.7)
    blind = dataclasses.replace(frames, actions=np.random.default_rng(0).permutation(frames.actions))
    for recorded in (frames, blind):
        assert folded(with_spread(knows_bars, recorded), knows_bars) == pytest.approx(0.7, abs=0.15)
    assert folded(with_gain(knows_bars, blind), knows_bars) < 0.3
    for scale, limit in ((0.01, SANE[0]), (100.0, SANE[1])):
        wild = dataclasses.replace(frames, actions=(scale * frames.actions).astype(np.float32))
        assert folded(with_spread(knows_bars, wild), knows_bars) == pytest.approx(limit)
    unknown = dataclasses.replace(frames, actions=np.full_like(frames.actions, np.nan))
    assert folded(with_spread(knows_bars, unknown), knows_bars) == pytest.approx(1.0)


def test_an_action_to_one_side_keeps_its_mean(knows_bars):
    """A throttle's mean must not follow its spread, or simulated frames would teach to drive slower."""
    frames = bars(3, 20, seed=4)
    throttle = dataclasses.replace(frames, actions=(0.1 * frames.actions + 0.5).astype(np.float32))
    spread = predict(with_spread(knows_bars, throttle), throttle.images, throttle.state, clip=False)
    np.testing.assert_allclose(spread.mean(0), throttle.actions.mean(0), atol=0.03)
