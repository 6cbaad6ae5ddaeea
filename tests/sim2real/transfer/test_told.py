"""Policies that are told a state beside the images and have several actions: all of transfer takes both along."""

import dataclasses

import numpy as np
import pytest
import torch

from bars import bars, tiny_policy
from policies.policy import Policy
from sim2real.evaluation.offline import agreement_on, predict, predict_judged
from sim2real.progress import no_stages
from sim2real.recordings.frames import Frames
from sim2real.transfer.adapt_config import AdaptConfig, Overrides
from sim2real.transfer.candidates import compare_candidates
from sim2real.transfer.choose import choose
from sim2real.transfer.fitting.batches import Simulated, answered, with_mirrored
from sim2real.transfer.fitting.fit import fit
from sim2real.transfer.fitting.gain import with_gain
from sim2real.transfer.fitting.learn import Material, learn
from sim2real.transfer.fitting.plans import PARTS, TransferPlan, find_plan
from sim2real.transfer.outcome import Comparison
from sim2real.transfer.shift import measure_shift

NAMES = ("look", "feel")
GAINS, OFFSETS = np.array([0.5, 0.8]), np.array([0.0, 0.05])


def told_policy() -> Policy:
    config = tiny_policy().config
    heads = dataclasses.replace(config.heads, state=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Policy(dataclasses.replace(config, heads=heads, action_names=NAMES))


def with_state(episodes: int, length: int, seed: int, *, scaled: bool = False, dim: bool = False) -> Frames:
    """Frames whose first action is in the picture, and whose second is in the state alone."""
    seen = bars(episodes, length, seed, dim=dim)
    state = np.random.default_rng([seed, 1]).uniform(-0.8, 0.8, (len(seen), 1)).astype(np.float32)
    actions = np.concatenate([seen.actions, state], 1)
    actions = (GAINS * actions + OFFSETS).astype(np.float32) if scaled else actions
    return dataclasses.replace(seen, actions=actions, state=state, judged=(0, 1))


def quick(name: str, **changes) -> TransferPlan:
    return dataclasses.replace(find_plan(name), **{"updates": 60, "passes": 0.1, "most_passes": 1e3, **changes})


@pytest.fixture(scope="module")
def knows_both() -> Policy:
    torch.set_num_threads(1)
    plan = quick("scratch", updates=600, augment=0.0, ema=0.95, learning_rate=3e-3)
    return fit(told_policy(), plan, with_state(10, 60, seed=1)).policy


@pytest.fixture(scope="module")
def simulated(knows_both) -> Simulated:
    frames = with_state(10, 20, seed=8)
    return Simulated(frames.images, predict(knows_both, frames.images, frames.state), frames.episode, frames.state)


def test_what_is_in_the_state_alone_is_learned(knows_both):
    test = with_state(6, 40, seed=2)
    p = predict_judged(knows_both, test)
    assert p.shape == (240, 2)
    for j in range(2):
        assert np.corrcoef(p[:, j], test.actions[:, j])[0, 1] > 0.9, NAMES[j]


def test_the_gain_is_fitted_to_each_action(knows_both):
    frames, test = with_state(6, 60, seed=3, scaled=True), with_state(6, 40, seed=4, scaled=True)
    policy = with_gain(knows_both, frames)
    assert policy.heads.action.gain.numpy() == pytest.approx(GAINS, abs=0.12)
    agreement = agreement_on(test)
    before, after = (agreement.measure(predict_judged(p, test))["mae"].value for p in (knows_both, policy))
    assert after < 0.7 * before


@pytest.mark.parametrize("name", ["feature-extraction", "top-layers"])
def test_the_cache_takes_the_state_along(knows_both, name):
    frames, plan = with_state(4, 30, seed=3), quick(name, augment=0.0, updates=20)
    a, b = (fit(knows_both, plan, frames, cache=cache).policy for cache in (True, False))
    c, d = (predict(policy, frames.images, frames.state) for policy in (a, b))
    np.testing.assert_allclose(c, d, atol=1e-5)
    assert not np.allclose(c, predict(knows_both, frames.images, frames.state), atol=1e-3)


def test_frames_with_a_state_are_not_mirrored(knows_both):
    frames = with_state(2, 10, seed=3)
    relabelled = with_mirrored(frames, knows_both, quick("full"), np.array([-1.0, 1.0]))
    assert len(relabelled.images) == len(frames) and relabelled.state is frames.state


def test_simulated_frames_bring_their_state(knows_both, simulated):
    plan, frames = quick("full", cotrain=0.5, updates=20), with_state(3, 20, seed=9, scaled=True)
    scaled = with_gain(knows_both, frames)
    targets = answered(simulated, knows_both, scaled, plan)
    assert targets is not None and targets.state is simulated.state
    np.testing.assert_allclose(targets.actions, predict(scaled, simulated.images, simulated.state), atol=1e-4)
    fitted = fit(knows_both, plan, frames, simulated=simulated)
    alone = fit(knows_both, plan, frames)
    together, other = (predict(f.policy, frames.images, frames.state) for f in (fitted, alone))
    assert np.abs(together - other).max() > 1e-4


def test_all_judged_actions_decide_when_to_stop(knows_both):
    """Of two updates of equal worth to the first action, the one that is better in the second is kept."""
    frames, validation = with_state(3, 30, seed=4), with_state(4, 40, seed=5)
    fitted = fit(knows_both, quick("full", learning_rate=1.0, updates=30), frames, validation)
    error = np.abs(predict_judged(with_gain(knows_both, frames), validation) - validation.actions).mean()
    assert fitted.update == 0 and fitted.errors[0] == pytest.approx(error, abs=2e-3)
    first = fit(
        *(knows_both, quick("full", updates=10), frames),
        dataclasses.replace(validation, judged=(0,)),
    )
    assert first.errors[0] == pytest.approx(
        np.abs(predict_judged(with_gain(knows_both, frames), validation)[:, 0] - validation.actions[:, 0]).mean(),
        abs=2e-3,
    )


def test_a_policy_whose_frames_have_no_state_is_not_fitted(knows_both):
    frames = dataclasses.replace(with_state(2, 10, seed=3), state=None)
    with pytest.raises(ValueError, match="needs a state beside its images"):
        fit(knows_both, quick("full"), frames)


def test_few_episodes_are_held_out_in_turn_with_their_states(knows_both):
    frames, test = with_state(4, 40, seed=6, scaled=True), with_state(6, 40, seed=7, scaled=True)
    fitted = learn(Material(knows_both, frames), quick("feature-extraction"), seed=0)
    assert agreement_on(test).measure(predict_judged(fitted.policy, test))["correlation"].value > 0.9


def test_the_probe_and_the_choice_of_a_plan_look_at_both(knows_both, simulated, tmp_path):
    frames = with_state(4, 30, seed=31, scaled=True)
    shift = measure_shift(knows_both, frames, simulated)
    agreement = agreement_on(frames)
    assert shift.zero_shot == agreement.measure(predict_judged(knows_both, frames))
    assert set(shift.gradients) == set(PARTS) and min(shift.gradients.values()) > 0
    plans = {name: quick(name, updates=10) for name in ("gain", "feature-extraction")}
    choice = choose(Material(knows_both, frames, None, simulated), plans, tmp_path)
    assert choice.plan in choice.errors and set(choice.errors) == set(plans)


@pytest.mark.slow
def test_the_candidates_are_compared_over_all_actions_and_one_by_one(knows_both, tmp_path):
    frames, test = with_state(5, 30, seed=10, scaled=True, dim=True), with_state(7, 30, seed=11, scaled=True, dim=True)
    config = AdaptConfig(tmp_path, "set", seeds=2, overrides=Overrides(updates=20))
    plans = [quick("full", updates=20)]
    result = compare_candidates(config, Material(knows_both, frames), test, plans, tmp_path, no_stages)
    main: Comparison = result.comparisons[-1]
    assert {name: p.shape for name, p in main.predictions.items()} == {
        "zero-shot": (1, 210, 2), "gain": (2, 210, 2), "scratch": (2, 210, 2), "full": (2, 210, 2)
    }  # fmt: skip
    assert main.predictions["gain"][0] == pytest.approx(predict_judged(with_gain(knows_both, frames), test), abs=1e-5)
    metrics = result.metrics()
    assert metrics["judged"] == list(NAMES) and set(metrics["actions"]) == set(NAMES)
    for candidate in main.estimates:
        each = np.mean([metrics["actions"][name][candidate]["test"]["mae"]["value"] for name in NAMES])
        assert metrics["candidates"][candidate]["test"]["mae"]["value"] == pytest.approx(each)
