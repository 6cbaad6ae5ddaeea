"""The gate refuses a harmful and a superfluous adaptation, and promotes a useful one."""

import dataclasses

import numpy as np
import pytest

from bars import bars
from policies import HeadsConfig, Policy, PolicyConfig
from sim2real.evaluation.offline import predict
from sim2real.statistics.agreement import Agreement
from sim2real.transfer.choose import copies
from sim2real.transfer.fitting.learn import Material, learn
from sim2real.transfer.fitting.plans import find_plan, read_plans
from sim2real.transfer.gate import Decision, decide

SIGNS = np.array([-1.0])
LEARNED: dict[tuple[bytes, bytes, str], Policy] = {}  # by recordings and plan: several tests judge the same ones


def decision(policy, frames, test, plan="full", **changes) -> Decision:
    """Of a plan fitted on frames, judged on test, beside its controls."""
    plans = {
        name: dataclasses.replace(find_plan(name), updates=120, most_passes=1e3, **changes if name == plan else {})
        for name in ("gain", "scratch", plan)
    }
    predictions = {"zero-shot": predict(policy, test.images)[None, :, 0]}
    for name, each in plans.items():
        key = (frames.images.tobytes(), frames.actions.tobytes(), repr(each))
        if key not in LEARNED:
            LEARNED[key] = learn(Material(policy, frames, SIGNS), each, seed=0).policy
        predictions[name] = predict(LEARNED[key], test.images)[None, :, 0]
    return decide(Agreement(test.actions[:, 0], test.episode), predictions, plan)


@pytest.mark.slow
def test_a_harmful_adaptation_is_refused(knows_bars):
    # One episode, so that nothing is held out that would stop the training; its labels are shuffled.
    harmful = bars(1, 150, seed=10, shuffled=True)
    decided = decision(knows_bars, harmful, bars(12, 30, seed=11), learning_rate=3e-3, l2sp=0.0)
    assert not decided.promoted and decided.candidate in ("zero-shot", "gain")
    assert decided.against["gain"].low is not None and decided.against["gain"].low > 0


@pytest.mark.slow
def test_a_superfluous_adaptation_is_refused(knows_bars):
    decided = decision(knows_bars, bars(1, 20, seed=12), bars(12, 30, seed=13))
    assert not decided.promoted and decided.candidate in ("zero-shot", "gain")
    assert "zero-shot + gain" in decided.reason


@pytest.mark.slow
def test_a_useful_adaptation_is_promoted(knows_bars):
    frames, test = bars(10, 8, seed=14, dim=True), bars(12, 30, seed=15, dim=True)
    decided = decision(knows_bars, frames, test, "sensor-shift", learning_rate=2e-3)
    assert decided.promoted and decided.candidate == "sensor-shift"
    assert decided.against["gain"].high is not None and decided.against["gain"].high < 0


def test_a_single_held_out_episode_neither_promotes_nor_overrules():
    actual, _, unseen = recorded()
    agreement = Agreement(actual, np.zeros(600, int))
    errors = {"zero-shot": 4.0, "gain": 4.0, "scratch": 5.0, "full": 0.5}
    predictions = {name: (actual + k * unseen)[None] for name, k in errors.items()}
    for chosen in ("gain", "full", "scratch"):
        decided = decide(agreement, predictions, "full", chosen)
        assert decided.candidate == {"gain": "zero-shot"}.get(chosen, chosen) and not decided.confirmed


@pytest.mark.parametrize("episodes", [3, 12])
def test_held_out_episodes_overrule_a_choice_only_beyond_doubt(episodes):
    """Few episodes have wide intervals; a policy that sees nothing is found out by them all the same."""
    actual, episode, unseen = recorded()
    agreement = Agreement(actual, episode * episodes // 12)
    noise = np.random.default_rng(5).normal(0, 0.4, 600)
    blind = {"zero-shot": noise, "gain": 0.1 * noise, "scratch": actual + 2 * unseen, "full": actual + unseen}
    decided = decide(agreement, {name: p[None] for name, p in blind.items()}, "full", "gain")
    assert decided.promoted and decided.confirmed and "full is better than zero-shot + gain" in decided.reason
    doubtful = {"zero-shot": actual + unseen, "gain": actual + unseen, "scratch": noise}
    doubtful["full"] = actual + 1.02 * np.random.default_rng(6).permutation(unseen)
    decided = decide(agreement, {name: p[None] for name, p in doubtful.items()}, "full", "full")
    assert decided.promoted and not decided.confirmed and "not shown to be better or worse" in decided.reason


def test_a_choice_that_held_out_episodes_contradict_is_not_handed_out():
    actual, episode, unseen = recorded()
    errors = {"zero-shot": 1.0, "gain": 1.0, "scratch": 5.0, "full": 2.0}
    predictions = {name: (actual + k * unseen)[None] for name, k in errors.items()}
    decided = decide(Agreement(actual, episode), predictions, "full", "full")
    assert (
        not decided.promoted and decided.candidate in ("gain", "zero-shot") and "is better than full" in decided.reason
    )


def test_a_candidate_that_copies_the_state_overrules_nothing_however_small_its_error():
    actual, episode, unseen = recorded()
    errors = {"zero-shot": 1.0, "gain": 1.0, "scratch": 0.1, "full": 0.9}
    predictions = {name: (actual + k * unseen)[None] for name, k in errors.items()}
    assert decide(Agreement(actual, episode), predictions, "full", "full").candidate == "scratch"
    assert decide(Agreement(actual, episode), predictions, "full", "full", ["scratch"]).candidate == "full"


def test_new_heads_that_are_told_the_state_copy_it():
    told, blind = (Policy(PolicyConfig(heads=HeadsConfig(state=state))) for state in (2, 0))
    plans = read_plans().values()
    assert {plan.name for plan in plans if copies(plan, told)} >= {"scratch", "strange-place", "generic-features"}
    assert not copies(find_plan("sensor-shift"), told) and not any(copies(plan, blind) for plan in plans)


def recorded(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actions, episodes, and what is left unseen by a policy of mediocre sight."""
    random = np.random.default_rng(seed)
    return random.normal(0, 0.4, 600), np.arange(600) // 50, random.normal(0, 0.1, 600)


@pytest.mark.parametrize("gain", [1.0, 0.4])
def test_a_fallback_needs_evidence_too(gain):
    """Zero-shot unless the gain is better beyond doubt."""
    actual, episode, unseen = recorded()
    p = actual / gain + unseen
    predictions = {"zero-shot": p[None], "gain": gain * p[None], "scratch": 0 * p[None], "full": p[None]}
    decided = decide(Agreement(actual, episode), predictions, "full")
    assert decided.candidate == ("zero-shot" if gain == 1.0 else "gain")
    itself = decide(Agreement(actual, episode), predictions, "gain")
    assert itself.promoted == (gain != 1.0) and itself.candidate == decided.candidate


@pytest.mark.parametrize("factor", [0.2, -1.0])
def test_who_sees_better_but_steers_on_a_wrong_scale_is_refused(factor):
    actual, episode, unseen = recorded()
    mediocre = actual + unseen
    predictions = {"zero-shot": mediocre[None], "gain": mediocre[None], "scratch": 0 * mediocre[None]}
    agreement = Agreement(actual, episode)
    assert decide(agreement, {**predictions, "full": (actual + unseen / 4)[None]}, "full").promoted
    decided = decide(agreement, {**predictions, "full": factor * (actual + unseen / 4)[None]}, "full")
    assert not decided.promoted
    decided = decide(agreement, {**predictions, "full": factor * (actual + unseen / 4)[None]}, "full", "full")
    assert not decided.promoted and "full is worse than zero-shot + gain (MAE" in decided.reason


def test_who_is_worse_than_scratch_is_refused():
    actual, episode, unseen = recorded()
    errors = {"zero-shot": 4.0, "gain": 4.0, "scratch": 0.5, "full": 2.0}
    decided = decide(
        Agreement(actual, episode), {name: (actual + k * unseen)[None] for name, k in errors.items()}, "full"
    )
    assert not decided.promoted and decided.candidate == "scratch"
    assert "scratch is better than zero-shot + gain" in decided.reason


def test_where_a_robot_rests_most_of_the_time_the_rmse_tells_who_sees_better():
    """To do next to nothing has the least absolute error there, whatever is seen."""
    random = np.random.default_rng(0)
    episode, moving = np.arange(2000) // 100, np.arange(2000) % 100 < 12
    actual = np.where(moving, random.choice([-0.9, 0.9], 2000), 0.0) + random.normal(0, 0.02, 2000)
    seen = random.random(2000)
    guess = {who: np.where(moving & (seen < share), actual, 0.25 * random.normal(0, 1, 2000) * moving)
             for who, share in (("blind", 0.2), ("sees", 0.6))}  # fmt: skip
    jitter = random.normal(0, 0.1, 2000) * ~moving
    predictions = {"zero-shot": guess["blind"], "gain": guess["blind"], "scratch": 0 * actual}
    predictions = {name: p[None] for name, p in predictions.items()} | {"full": (guess["sees"] + jitter)[None]}
    for criterion, name in (("gain_free_rmse", "gain-free RMSE"), ("gain_free_mae", "gain-free MAE")):
        decided = decide(Agreement(actual, episode, criterion=criterion), predictions, "full")
        assert name in decided.reason
        assert decided.promoted == (criterion == "gain_free_rmse"), decided


def test_where_commands_are_in_known_units_a_gain_is_no_rival():
    """A gain halves the error of a policy that does too much, and yet it only makes the robot's motions smaller."""
    random = np.random.default_rng(0)
    episode, actual = np.repeat(np.arange(10), 100), random.normal(0, 0.3, 1000)
    predictions = {
        "zero-shot": actual + random.normal(0, 0.3, 1000),
        "gain": 0.5 * (actual + random.normal(0, 0.3, 1000)),
        "scratch": random.normal(0, 0.3, 1000),
        "full": actual + random.normal(0, 0.2, 1000),
        "worse": actual + random.normal(0, 0.4, 1000),
    }
    predictions = {name: p[None] for name, p in predictions.items()}
    agreement = Agreement(actual, episode, criterion="rmse")
    decided = decide(agreement, {name: p for name, p in predictions.items() if name != "worse"}, "full")
    assert decided.promoted and "better than zero-shot (RMSE" in decided.reason and "gain-free RMSE" in decided.reason
    decided = decide(agreement, {name: p for name, p in predictions.items() if name != "full"}, "worse")
    assert not decided.promoted and decided.candidate == "zero-shot"


def test_who_does_next_to_nothing_is_not_handed_out():
    """From scratch on a few recordings comes who hardly moves: he has a small error, and sees nothing."""
    random = np.random.default_rng(0)
    episode, actual = np.repeat(np.arange(10), 100), random.normal(0, 0.2, 1000)
    zero = actual + random.normal(0, 0.3, 1000)
    predictions = {"zero-shot": zero, "gain": 0.3 * zero, "scratch": random.normal(0, 0.01, 1000)}
    predictions = {name: p[None] for name, p in predictions.items()} | {"full": zero[None] + 0.01}
    agreement = Agreement(actual, episode, criterion="rmse")
    errors = {name: agreement.measure(p)["rmse"].value for name, p in predictions.items()}
    assert errors["scratch"] < 0.8 * errors["full"]
    decided = decide(agreement, predictions, "full")
    assert not decided.promoted and decided.candidate == "zero-shot", decided


def arm_recordings() -> tuple[Agreement, np.ndarray]:
    """Commands in known units, 10 episodes, and those of a policy that sees tolerably."""
    random = np.random.default_rng(0)
    episode, actual = np.repeat(np.arange(10), 100), random.normal(0, 0.3, 1000)
    return Agreement(actual, episode, criterion="rmse"), actual + random.normal(0, 0.3, 1000)


@pytest.mark.parametrize("plan", ["full", "gain"])
def test_where_commands_are_in_known_units_smaller_motions_alone_are_not_promoted(plan):
    """The gain's own predictions have a smaller RMSE than zero-shot, and see exactly as much."""
    agreement, zero = arm_recordings()
    predictions = {"zero-shot": zero[None], "gain": 0.5 * zero[None], "scratch": 0 * zero[None], plan: 0.5 * zero[None]}
    smaller = agreement.difference(predictions[plan], predictions["zero-shot"], "rmse")
    assert smaller.high is not None and smaller.high < 0
    decided = decide(agreement, predictions, plan)
    assert not decided.promoted and decided.candidate == "zero-shot", decided
    chosen = decide(agreement, predictions, plan, plan)
    assert not chosen.promoted and chosen.candidate == "zero-shot"
    assert decided.seeing["zero-shot"].value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shrunk", [0.3, 0.5])
def test_a_plan_that_sees_worse_is_not_promoted_because_it_does_less(shrunk):
    agreement, zero = arm_recordings()
    worse = shrunk * (zero + np.random.default_rng(1).normal(0, 0.15, len(zero)))
    predictions = {"zero-shot": zero[None], "gain": 0.5 * zero[None], "scratch": 0 * zero[None], "full": worse[None]}
    decided = decide(agreement, predictions, "full")
    assert decided.against["zero-shot"].value < 0 and decided.seeing["zero-shot"].value > 0
    assert not decided.promoted and decided.candidate == "zero-shot", decided


def test_where_commands_are_in_known_units_a_choice_is_handed_out_if_both_errors_are_expected_to_fall():
    """Few sessions cannot prove it; a named plan has to."""
    random = np.random.default_rng(0)
    episode, actual = np.repeat(np.arange(4), 40), random.normal(0, 0.3, 160)
    unseen = random.normal(0, 1, 160) * np.repeat([0.1, 0.3, 0.5, 0.7], 40)
    predictions = {"zero-shot": actual + unseen, "gain": 0.5 * (actual + unseen), "scratch": 0 * actual}
    predictions["full"] = actual + unseen * np.repeat([1.1, 0.9, 0.7, 0.8], 40)
    predictions = {name: p[None] for name, p in predictions.items()}
    agreement = Agreement(actual, episode, criterion="rmse")
    named = decide(agreement, predictions, "full")
    assert not named.promoted and named.candidate == "zero-shot", named
    chosen = decide(agreement, predictions, "full", "full")
    assert chosen.promoted and not chosen.confirmed and "smaller expected error" in chosen.reason
    wider = predictions | {"full": (actual + unseen * np.repeat([3.0, 0.9, 0.9, 0.95], 40))[None]}
    assert not decide(agreement, wider, "full", "full").promoted
