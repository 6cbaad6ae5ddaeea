# pyright: reportArgumentType=false
"""A policy on recorded frames: the same actions as when it drives, and figures that mean what they say."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arms import arm_config, record_arm
from drives import SMALL, new_policy, record_drives
from policies import Policy
from policies.heads import HeadsConfig
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.evaluation.offline import compare_with_recording, plain, predict, typical_rows, worst_rows
from sim2real.recordings.frames import Frames, read_frames
from sim2real.statistics.agreement import METRICS

NAMES = ("steering", "throttle")


def frames_with(actions: np.ndarray, episode: np.ndarray) -> Frames:
    row = np.concatenate([np.arange((episode == name).sum()) for name in np.unique(episode)])
    return Frames(np.zeros((len(row), *SMALL.encoder.size, 3), np.uint8), actions, episode, row, 0.25, 20.0)


@pytest.fixture
def driven() -> Frames:
    rng = np.random.default_rng(0)
    episode = np.repeat(np.arange(6), [5, 30, 10, 20, 15, 8])
    return frames_with(rng.normal(0, 0.3, (len(episode), 2)).astype(np.float32), episode)


def test_a_policy_predicts_what_it_does_when_it_drives(tmp_path):
    record_drives(tmp_path / "set", [7, 6])
    dataset, policy = EpisodeDataset(tmp_path / "set"), new_policy()
    frames = read_frames(dataset, policy.config)
    calls = []
    predicted = predict(policy, frames.images, batch=5, progress=lambda *done: calls.append(done))
    raw = np.concatenate([episode["observation.images.front"] for episode in dataset])
    acted = policy.act({"images.front": raw})
    assert predicted.shape == (13, 2) and predicted.dtype == np.float32 and np.ptp(predicted[:, 0]) > 0.01
    assert np.allclose(predicted, acted, atol=1e-6) and calls == [(5, 13), (10, 13), (13, 13)]
    assert np.allclose(predicted, predict(policy, frames.images), atol=1e-6)
    assert predict(policy, frames.images[:0]).shape == (0, 2)


def test_predictions_are_clipped_and_leave_no_gradient_behind():
    policy = new_policy()
    policy.heads.action.fold(torch.tensor([1.0, 1.0]), torch.tensor([5.0, -5.0]))
    images = np.random.default_rng(0).integers(0, 256, (3, *SMALL.encoder.size, 3), np.uint8)
    images.setflags(write=False)
    assert predict(policy, images).tolist() == [[1.0, -1.0]] * 3
    assert all(parameter.grad is None for parameter in policy.parameters())


def test_a_policy_that_needs_a_state_is_refused():
    policy = Policy(dataclasses.replace(SMALL, heads=HeadsConfig(state=2)))
    with pytest.raises(ValueError, match="needs a state beside its images"):
        predict(policy, np.zeros((1, *SMALL.encoder.size, 3), np.uint8))


def test_each_action_is_judged_beside_naive_predictions(driven):
    comparisons = compare_with_recording(driven, 2 * driven.actions + 0.1, NAMES)
    assert [comparison.action for comparison in comparisons] == list(NAMES)
    for k, comparison in enumerate(comparisons):
        actual = driven.actions[:, k].astype(np.float64)
        assert set(comparison.metrics) == {"policy", "zero", "mean"} and comparison.frames == len(driven)
        assert (comparison.gain, comparison.offset) == pytest.approx((0.5, -0.05), abs=1e-6)
        policy, zero, mean = (comparison.metrics[name] for name in ("policy", "zero", "mean"))
        assert policy["correlation"].value == pytest.approx(1) and policy["gain_free_mae"].value < 1e-6
        assert policy["mae"].value == pytest.approx(np.abs(actual + 0.1).mean(), abs=1e-6)
        assert zero["mae"].value == pytest.approx(np.abs(actual).mean())
        assert mean["mae"].value == pytest.approx(np.abs(actual - actual.mean()).mean())
        assert np.isnan(mean["correlation"].value)


def test_episodes_come_longest_first_and_an_undefined_figure_is_none(driven):
    driven.actions[driven.episode == 1, 0] = 0.25  # nobody steered there
    rows = compare_with_recording(driven, driven.actions + 0.1, NAMES)[0].per_episode
    assert [row["frames"] for row in rows] == [30, 20, 15, 10, 8, 5] and rows[0]["episode"] == 1
    assert rows[0]["correlation"] is None and rows[0]["mae"] == pytest.approx(0.1, abs=1e-6)
    assert all(isinstance(row[name], float) for row in rows[1:] for name in METRICS)


def test_an_action_that_was_not_recorded_is_left_out_and_steering_is_needed(driven):
    driven.actions[:, 1] = np.nan
    predicted = np.zeros_like(driven.actions)
    assert [comparison.action for comparison in compare_with_recording(driven, predicted, NAMES)] == ["steering"]
    driven.actions[:] = driven.actions[:, ::-1]
    with pytest.raises(DatasetError, match="no action named steering, only throttle"):
        compare_with_recording(driven, predicted, NAMES)


def test_plain_figures_fit_into_json(driven):
    metrics = compare_with_recording(driven, driven.actions, NAMES)[0].metrics
    assert plain(metrics["zero"])["correlation"] == {"value": None, "low": None, "high": None}
    assert plain(metrics["policy"])["mae"] == {"value": 0.0, "low": 0.0, "high": 0.0}


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 15))
def test_worst_rows_are_the_worst_and_keep_their_distance(seed, count, apart):
    rng = np.random.default_rng(seed)
    episode = np.repeat(np.arange(4), 25)
    row = np.tile(np.arange(25), 4)
    error = rng.normal(size=100)
    error[rng.integers(0, 100, 10)] = np.nan
    chosen = worst_rows(error, episode, row, count, apart)
    size = np.abs(error)
    assert len(chosen) <= count and np.isfinite(error[chosen]).all() and (np.diff(size[chosen]) <= 0).all()
    near = (episode[:, None] == episode[chosen]) & (np.abs(row[:, None] - row[chosen]) < apart)
    assert (near[chosen].sum(1) == 1).all()  # each is near itself alone
    for k in np.flatnonzero(np.isfinite(error)):  # and what was passed over is smaller than one near it, or than all
        smaller_than = size[chosen][near[k]] if near[k].any() else size[chosen] if len(chosen) == count else []
        assert any(size[k] <= other for other in smaller_than)


@given(st.integers(0, 1000))
def test_typical_rows_are_those_near_the_median(seed):
    rng = np.random.default_rng(seed)
    error, episode, row = rng.normal(size=100), np.zeros(100, int), np.arange(100)
    error[rng.integers(0, 100, 10)] = np.nan
    size = np.abs(error)
    chosen = typical_rows(error, episode, row, 5, 1)
    away = np.abs(size - np.nanmedian(size))
    assert sorted(away[chosen]) == sorted(away[np.isfinite(away)])[:5]


def test_what_is_judged_together_comes_first_and_each_action_after_it(driven):
    both = dataclasses.replace(driven, judged=(0, 1))
    predicted = both.actions * [2, -0.5] + [0.1, 0]
    comparisons = compare_with_recording(both, predicted, NAMES)
    assert [comparison.action for comparison in comparisons] == ["all 2 actions", "steering", "throttle"]
    assert np.allclose(comparisons[0].gains, [[0.5, -0.05], [-2, 0]], atol=1e-6)
    assert np.allclose(comparisons[0].rescaled(predicted), both.actions, atol=1e-6)
    mean = np.mean([comparison.metrics["policy"]["mae"].value for comparison in comparisons[1:]])
    assert comparisons[0].metrics["policy"]["mae"].value == pytest.approx(mean)
    second = compare_with_recording(dataclasses.replace(driven, judged=(1,)), predicted, NAMES)
    assert [comparison.action for comparison in second] == ["throttle", "steering"]


def test_all_that_is_judged_must_have_been_recorded(driven):
    driven.actions[:, 1] = np.nan
    with pytest.raises(DatasetError, match="no action named throttle, only steering"):
        compare_with_recording(dataclasses.replace(driven, judged=(0, 1)), driven.actions, NAMES)


@pytest.mark.slow
def test_a_policy_that_is_told_a_state_predicts_what_it_does_when_it_acts(tmp_path):
    record_arm(tmp_path / "set", [9, 6])
    dataset, policy = EpisodeDataset(tmp_path / "set"), new_policy(config=arm_config())
    frames = read_frames(dataset, policy.config)
    predicted = predict(policy, frames.images, frames.state, batch=4)
    raw = np.concatenate([episode["observation.images.front"] for episode in dataset])
    acted = policy.act({"images.front": raw, "state": frames.state})
    assert np.allclose(predicted, acted, atol=1e-6) and np.ptp(predicted, axis=0).min() > 1e-3
    assert not np.allclose(predicted, predict(policy, frames.images, np.zeros_like(frames.state)), atol=1e-3)
    with pytest.raises(ValueError, match="takes images only"):
        predict(new_policy(), frames.images, frames.state)
