"""Where a recorded camera looks: found where actions tell it, and nowhere else."""

import dataclasses

import numpy as np
import pytest

from bars import bars
from policies.alignment import Alignment
from sim2real.evaluation.offline import predict
from sim2real.recordings.frames import Frames
from sim2real.reports.pages.probe import look_line
from sim2real.transfer.fitting.align import fit_similarity, looking
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.fitting.fit import fit, prepare
from sim2real.transfer.fitting.learn import Material, learn
from sim2real.transfer.fitting.plans import find_plan


def aside(frames: Frames, pixels: int, criterion: str = "rmse") -> Frames:
    """Frames of a camera that has things so many px further right."""
    return dataclasses.replace(frames, images=np.roll(frames.images, pixels, axis=2), criterion=criterion)


@pytest.mark.parametrize("pixels", [-2, 0, 2])
def test_a_camera_that_looks_aside_is_found(knows_bars, pixels):
    frames, test = aside(bars(6, 60, seed=6), pixels), aside(bars(6, 60, seed=7), pixels)
    similarity = fit_similarity(knows_bars, frames)
    assert looking(knows_bars, similarity).align.in_pixels(40, 24)["right_px"] == pytest.approx(pixels, abs=0.7)
    errors = [
        np.abs(predict(p, test.images) - test.actions).mean() for p in (knows_bars, looking(knows_bars, similarity))
    ]
    assert errors[1] < max(0.5 * errors[0], 0.06)


@pytest.mark.slow
def test_few_frames_do_not_turn_the_image(knows_bars):
    """The less there is to learn from, the less the image is moved; labels that mean nothing do not move it at all."""
    frames = aside(bars(6, 60, seed=6), 3)
    few = fit_similarity(knows_bars, frames.select(np.arange(8)))
    assert abs(few[0]) < 0.8 * abs(fit_similarity(knows_bars, frames)[0])
    nothing = aside(bars(6, 60, seed=6, shuffled=True), 0)
    assert np.abs(fit_similarity(knows_bars, nothing)).max() < 0.05


def test_habits_do_not_pass_for_a_camera(knows_bars):
    """Who steers on a scale of his own may as well keep left."""
    assert not fit_similarity(knows_bars, aside(bars(3, 30, seed=6), 3, "gain_free_mae")).any()


@pytest.mark.slow
def test_only_plans_that_align_look_elsewhere(knows_bars):
    frames = aside(bars(2, 40, seed=6), 3)
    material = Material(knows_bars, frames)
    assert find_plan("sensor-shift").align and not find_plan("gain").align
    short = dataclasses.replace(find_plan("sensor-shift"), updates=5, passes=0.1)
    assert learn(material, short, 0).policy.align.moves
    assert not learn(material, find_plan("gain"), 0).policy.align.moves
    assert not fit(knows_bars, short, frames).policy.align.moves


def test_features_can_be_kept_of_a_policy_that_looks_elsewhere(knows_bars):
    """Its alignment is of recorded frames alone: simulated ones beside them are kept as they are."""
    frames, tilted = bars(3, 30, seed=2), looking(knows_bars, np.array([0.1, 0, 0, 0]))
    simulated = bars(1, 40, seed=3)
    shown = Simulated(simulated.images, predict(knows_bars, simulated.images), np.zeros(40, int))
    plan = dataclasses.replace(find_plan("feature-extraction"), updates=10, passes=0.1)
    kept, anew = (fit(tilted, plan, frames, simulated=shown, cache=cache).policy for cache in (True, False))
    np.testing.assert_allclose(predict(kept, frames.images), predict(anew, frames.images), atol=1e-5)
    assert kept.align.moves


def test_what_begins_anew_looks_straight_ahead(knows_bars):
    scratch = prepare(looking(knows_bars, np.array([0.1, 0, 0, 0])), find_plan("scratch"), 0)
    assert not scratch.align.moves


def test_what_was_found_is_said_in_words():
    assert look_line(Alignment().in_pixels(64, 64)) == ""
    look = {"right_px": -1.26, "down_px": 0.4, "zoom": 1.02, "roll_deg": -1.5}
    said = look_line(look)
    for part in ("1.3 px further left", "0.4 px lower", "1.020 times as large", "turned by -1.5° clockwise"):
        assert part in said
