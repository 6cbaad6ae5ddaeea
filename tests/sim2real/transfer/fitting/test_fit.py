"""A plan does what it says: frozen parts stay, the cache changes nothing, no change is a candidate."""

import dataclasses

import numpy as np
import pytest
import torch

from bars import bars
from sim2real.evaluation.offline import predict
from sim2real.statistics.agreement import Agreement
from sim2real.transfer.fitting.align import looking
from sim2real.transfer.fitting.batches import Simulated, aligned, answered, with_mirrored
from sim2real.transfer.fitting.fit import fit, prepare
from sim2real.transfer.fitting.gain import with_gain
from sim2real.transfer.fitting.learn import Material, learn
from sim2real.transfer.fitting.plans import PARTS, find_plan, read_plans

SIGNS = np.array([-1.0])


def short(name: str, **changes):
    return dataclasses.replace(find_plan(name), **{"updates": 20, "passes": 0.1, "most_passes": 1e3, **changes})


def weights(policy, part):
    parameters = policy.heads.parameters() if part == "head" else policy.encoder.stage_parameters(part)
    return torch.cat([p.detach().flatten() for p in parameters])


@pytest.mark.parametrize("name", read_plans())
def test_only_what_the_plan_names_changes(knows_bars, name):
    plan = short(name)
    fitted = fit(knows_bars, plan, bars(3, 30, seed=2), signs=SIGNS)
    for part in PARTS:
        changed = not torch.equal(weights(fitted.policy, part), weights(knows_bars, part))
        assert changed == (part in plan.trained), part


def test_parts_are_drawn_anew_by_the_seed(knows_bars):
    plan = short("generic-features")
    a, b, c = (prepare(knows_bars, plan, seed) for seed in (0, 0, 1))
    assert torch.equal(weights(a, "stage3"), weights(b, "stage3"))
    assert not torch.equal(weights(a, "stage3"), weights(c, "stage3"))
    assert torch.equal(weights(a, "stem"), weights(knows_bars, "stem"))


@pytest.mark.parametrize("name", ["feature-extraction", "top-layers"])
def test_the_cache_changes_nothing_but_the_time(knows_bars, name):
    frames, plan = bars(4, 30, seed=3, gain=0.6), short(name, augment=0.0)
    with_cache, without = (fit(knows_bars, plan, frames, signs=SIGNS, cache=c).policy for c in (True, False))
    np.testing.assert_allclose(predict(with_cache, frames.images), predict(without, frames.images), atol=1e-5)


def test_no_change_is_kept_when_training_does_harm(knows_bars):
    frames, validation = bars(2, 30, seed=4), bars(4, 40, seed=5)
    plan = short("full", learning_rate=1.0, updates=30)  # far too large a step
    fitted = fit(knows_bars, plan, frames, validation)
    assert fitted.update == 0 and fitted.errors[0] < 0.5 * fitted.errors[30]
    scaled = with_gain(knows_bars, frames)
    np.testing.assert_allclose(predict(fitted.policy, frames.images), predict(scaled, frames.images), atol=1e-6)


@pytest.mark.slow
def test_the_low_stages_learn_another_sensor(knows_bars):
    frames, test = bars(2, 75, seed=6, negative=True), bars(6, 50, seed=7, negative=True)
    fitted = learn(Material(knows_bars, frames, SIGNS), short("sensor-shift", updates=100, learning_rate=3e-3), seed=0)
    agreement = Agreement(test.actions[:, 0], test.episode)
    before, after = (agreement.measure(predict(p, test.images)[:, 0]) for p in (knows_bars, fitted.policy))
    assert before["correlation"].value < 0.7
    assert after["correlation"].value > 0.9
    assert fitted.update > 0


def test_a_fit_is_repeatable(knows_bars):
    frames = bars(3, 30, seed=2)
    a, b = (fit(knows_bars, short("full"), frames, signs=SIGNS, seed=3).policy for _ in range(2))
    np.testing.assert_array_equal(predict(a, frames.images), predict(b, frames.images))


def test_weights_are_pulled_to_where_they_were(knows_bars):
    frames = bars(3, 30, seed=2, gain=0.5)
    far = {}
    for l2sp in (0.0, 10.0):
        fitted = fit(knows_bars, short("full", l2sp=l2sp, updates=60, learning_rate=2e-3), frames)
        far[l2sp] = float((weights(fitted.policy, "stage2") - weights(knows_bars, "stage2")).norm())
    assert far[10.0] < 0.5 * far[0.0]


@pytest.mark.slow
def test_simulated_frames_keep_what_was_known(knows_bars):
    simulated = bars(10, 30, seed=8)
    known = Simulated(simulated.images, predict(knows_bars, simulated.images), simulated.episode)
    frames, errors = bars(2, 20, seed=9, negative=True), {}
    for cotrain in (0.0, 0.5):
        plan = short("full", cotrain=cotrain, updates=75, learning_rate=5e-3, l2sp=0.0)
        policy = fit(knows_bars, plan, frames, simulated=known).policy
        p = predict(policy, simulated.images)[:, 0]
        errors[cotrain] = Agreement(simulated.actions[:, 0], simulated.episode).measure(p)["gain_free_mae"].value
    assert errors[0.5] < 0.7 * errors[0.0]


def test_labels_that_are_missing_are_masked(knows_bars):
    frames = bars(3, 30, seed=2)
    frames.actions[::2] = np.nan
    fitted = fit(knows_bars, short("full"), frames, signs=SIGNS)
    assert np.isfinite(predict(fitted.policy, frames.images)).all()


def test_answers_to_simulated_frames_are_in_the_scale_of_the_recordings(knows_bars):
    """A policy that was adapted before is adapted again: its answers already have a gain."""
    simulated, frames = bars(2, 30, seed=8), bars(4, 50, seed=9, gain=0.5)
    once = with_gain(knows_bars, frames)
    known = Simulated(simulated.images, predict(once, simulated.images), simulated.episode)
    labelled = answered(known, once, with_gain(once, frames), short("full", cotrain=0.5))
    assert labelled
    labels = labelled.actions
    np.testing.assert_allclose(labels, predict(with_gain(once, frames), simulated.images), atol=1e-4)


def test_scratch_may_pull_to_one_side_too(knows_bars):
    """Labels are mirrored about the car's own offset, for a head that is drawn anew as well."""
    frames = bars(4, 50, seed=9)
    frames.actions[:] += 0.3
    scaled = with_gain(knows_bars, frames)
    labels = with_mirrored(frames, scaled, short("scratch"), SIGNS).actions
    assert abs(float(labels.mean()) - float(scaled.heads.action.offset[0])) < 0.01
    assert float(scaled.heads.action.offset[0]) > 0.2


def test_a_camera_that_looks_aside_does_not_teach_to_steer_aside(knows_bars):
    """Mirror images of it are another camera's; zero-shot sees nothing, so that its fitted offset does not tell."""
    frames, fresh = (bars(4, 75, seed=seed, negative=True) for seed in (11, 12))
    for each in (frames, fresh):
        each.images[:] = np.roll(each.images, 4, 2)
    plan = short("scratch", updates=250, augment=0.0, ema=0.95)
    fitted = fit(knows_bars, plan, frames, signs=SIGNS)
    left = predict(fitted.policy, fresh.images) - fresh.actions
    assert abs(float(left.mean())) < 0.03 and float(np.abs(left).mean()) < 0.1, left.mean()


def test_the_alignment_is_of_recorded_images_alone_and_mirrored_with_mirror_images(knows_bars):
    policy = looking(knows_bars, np.array([0.2, 0, 0, 0]))  # 4 px to the right in an image of 40
    image = torch.zeros(3, 24, 40, 3)
    image[:, :, 20] = 255.0
    seen = aligned(policy, image, 2, torch.tensor([False, True]))
    assert [int(x.mean((0, 2)).argmax()) for x in seen] == [16, 24, 20]
    cached = aligned(knows_bars, image.byte(), 2, torch.tensor([False, True]))
    assert torch.equal(cached, image.byte())
