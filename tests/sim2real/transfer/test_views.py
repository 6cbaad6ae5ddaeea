"""Views from beside the driven line: what the warp means, and how labels follow it."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bars import bars
from envs import BatchEnv, LaneFollow
from envs.lane_follow.task import LaneFollowConfig
from envs.randomization import Randomization, Vary
from sim2real.transfer.fitting.batches import Batches, Simulated, answered, from_beside, with_mirrored
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.fitting.views import ASIDE, TURN, Views, views_of, warped


def frames(field: str | None = None, value: float = 0.0) -> np.ndarray:
    """(16, 48, 80, 3) frames of the same cars, with a camera that is moved."""
    component = {"components": (1,), "names": "front"} if field == "cam_pos" else {}
    varied = () if field is None else (Vary(field, "choice", (value,), "add", **component),)
    env = BatchEnv(
        LaneFollow(LaneFollowConfig(layouts=4)),
        16,
        randomization=Randomization(varied, "moved"),
        observations=("images.front",),
    )
    images = env.reset(seed=3)[0]["images.front"]
    env.close()
    return images


def unlike(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of the floor, away from edges that a warp cannot know."""
    return float(np.abs(a[:, 10:, 16:-16].astype(int) - b[:, 10:, 16:-16]).mean())


@pytest.mark.parametrize("turn", [0.06, -0.1])
def test_a_shift_to_the_right_is_a_turn_to_the_left(turn):
    """A camera turned right by `turn` rad sees the world farther left, by the focal length times the angle."""
    straight, turned = frames(), frames("camera.yaw", turn)
    shift = -94.7 / 2 * turn  # px of the halved image
    assert unlike(warped(straight, np.tile([shift, 0.0], (16, 1))), turned) < 0.6 * unlike(straight, turned)
    assert unlike(warped(straight, np.tile([-shift, 0.0], (16, 1))), turned) > unlike(straight, turned)


@pytest.mark.parametrize("aside", [0.05, -0.05])
def test_a_shift_per_row_is_a_step_aside(aside):
    """From farther left, the floor lies farther right, the nearer the more: by 1/height of the camera per row."""
    middle, beside = frames(), frames("cam_pos", aside)
    slant = aside / 0.2215
    assert unlike(warped(middle, np.tile([0.0, slant], (16, 1))), beside) < 0.7 * unlike(middle, beside)
    assert unlike(warped(middle, np.tile([0.0, -slant], (16, 1))), beside) > unlike(middle, beside)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(-8, 8), st.floats(-0.5, 0.5))
def test_a_warp_and_its_opposite_lead_back(seed, shift, slant):
    blob = np.random.default_rng(seed).integers(0, 256, (1, 6, 10, 3)).astype(np.uint8)
    image = np.repeat(np.repeat(blob, 8, 1), 8, 2)
    warp = np.array([[shift, slant]])
    there = warped(warped(image, warp), -warp)
    inside = (slice(None), slice(None), slice(34, 46))
    assert np.abs(there[inside].astype(int) - image[inside]).mean() < 25
    np.testing.assert_array_equal(warped(image, np.zeros((1, 2))), image)


def test_labels_follow_the_measured_response_in_the_recordings_scale(monkeypatch):
    """A stand-in policy steers by the column of a bright line in the bottom row, and holds its throttle by chance."""
    images = np.zeros((200, 48, 80, 3), np.uint8)
    images[:, :, 38:42] = 255

    def column(policy, frames, state, clip):
        bright = frames[:, -1, :, 0].astype(float)
        middle = (bright * np.arange(80)).sum(1) / bright.sum(1).clip(1)
        return np.stack([0.02 * (middle - 39.5), 0.01 * (middle - 39.5)], 1)

    monkeypatch.setattr("sim2real.transfer.fitting.views.predict", column)
    stand_in: Any = SimpleNamespace(unaligned=lambda: None)
    views = views_of(stand_in, images, None, np.array([-1.0, 1.0]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(views.response[:, 1], 0)
    np.testing.assert_allclose(views.response[:, 0], [0.01, 0.01 * 47], rtol=0.1)
    actions = np.zeros((200, 2), np.float32)
    seen, corrected = views.draw(images, actions, np.random.default_rng(0))
    same = (seen == images).all((1, 2, 3))
    assert 0.1 < same.mean() < 0.4 and (corrected[same] == 0).all()
    np.testing.assert_allclose(corrected[:, 0], 0.5 * column(None, seen, None, False)[:, 0], atol=0.03)
    assert corrected[:, 0].std() == pytest.approx(0.75**0.5 * np.hypot(0.01 * TURN * 80, 0.47 * ASIDE), rel=0.2)


def test_views_are_drawn_anew_and_repeat_with_the_seed():
    images = np.random.default_rng(0).integers(0, 256, (8, 48, 80, 3)).astype(np.uint8)
    views, actions = Views(np.array([[0.01, 0.0], [0.1, 0.0]])), np.zeros((8, 2), np.float32)
    first, again, other = (views.draw(images, actions, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    frames = bars(6, 25, seed=7)
    return Simulated(frames.images, frames.actions, frames.episode)


@pytest.mark.parametrize("cache", [True, False])
def test_only_recorded_rows_of_a_batch_are_views(knows_bars, simulated, cache):
    """Also where features of frozen stages could be cached: a view needs its image."""
    plan = dataclasses.replace(find_plan("feature-extraction"), cotrain=0.5, views=True, batch_size=16)
    frames = bars(2, 20, seed=5)
    views = Views(np.full((2, frames.actions.shape[1]), 100.0))  # every warp is seen in its label
    batches = Batches(knows_bars, plan, cache, np.random.default_rng(0), views)
    recorded, mixed = with_mirrored(frames, knows_bars, plan, None), answered(simulated, knows_bars, knows_bars, plan)
    batches.fill(recorded, simulated=mixed)
    batch = batches.draw()
    assert batch.recorded == 8 and (batch.actions[:8].abs() > 5).any()
    assert (batch.actions[8:].abs() < 5).all()


def test_a_plan_without_simulated_frames_or_signs_has_no_views(knows_bars, simulated):
    plan = dataclasses.replace(find_plan("strange-place"))
    signs = np.array([-1.0])
    assert from_beside(simulated, knows_bars, knows_bars, plan, signs) is not None
    assert from_beside(None, knows_bars, knows_bars, plan, signs) is None
    assert from_beside(simulated, knows_bars, knows_bars, plan, None) is None
    assert from_beside(simulated, knows_bars, knows_bars, dataclasses.replace(plan, views=False), signs) is None
