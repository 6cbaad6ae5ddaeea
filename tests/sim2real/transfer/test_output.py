# pyright: reportArgumentType=false, reportCallIssue=false
"""What an adaptation hands out: exactly the policy that was judged, or that one fitted once more to all episodes."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from bars import bars
from policies.policy import Policy
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import no_stages
from sim2real.recordings.frames import Frames
from sim2real.transfer.adapt_config import AdaptConfig, Overrides
from sim2real.transfer.candidates import compare_candidates
from sim2real.transfer.fitting.gain import with_gain
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.inputs import split
from sim2real.transfer.outcome import Outcome


def adapted(
    policy: Policy, learned: Frames, test: Frames, folder: Path, plan="sensor-shift", apart=True, updates=60, **changes
) -> Outcome:
    """By a short plan; apart: the test frames are of a dataset of their own."""
    config = AdaptConfig(
        folder, "set", test="other" if apart else None, overrides=Overrides(updates=updates), **changes
    )
    short = dataclasses.replace(find_plan(plan), learning_rate=2e-3, most_passes=1e3)
    return compare_candidates(config, Material(policy, learned), test, [short], folder, no_stages)


@pytest.fixture(scope="module")
def dim() -> Frames:
    return bars(20, 10, seed=14, dim=True)


@pytest.mark.slow
def test_what_is_handed_out_is_what_was_judged(knows_bars, dim, tmp_path):
    test = bars(12, 30, seed=15, dim=True)
    result = adapted(knows_bars, dim, test, tmp_path)
    metrics = result.metrics()
    assert metrics["output"] == "sensor-shift" and metrics["promoted"], metrics["reason"]
    figures = agreement_on(test).measure(predict_judged(result.policy, test))
    for metric, figure in metrics["candidates"]["sensor-shift"]["test"].items():
        assert figure["value"] == pytest.approx(figures[metric].value, abs=1e-6), metric
    against = agreement_on(test).difference(
        *(predict_judged(p, test) for p in (result.policy, with_gain(knows_bars, dim))), "gain_free_mae"
    )
    assert metrics["against"]["gain"]["high"] == pytest.approx(against.high, abs=1e-5)
    # What a seed alone would have been stays to be seen.
    seeds = metrics["candidates"]["sensor-shift"]["seeds"]["gain_free_mae"]
    assert len(seeds) == 3 and len(set(seeds)) == 3
    assert metrics["weights"] == metrics["candidates"]["sensor-shift"]["weights"] and "seed" in metrics["weights"]


@pytest.mark.slow
def test_weights_are_averaged_only_of_policies_that_began_alike(knows_bars, dim, tmp_path):
    result = adapted(knows_bars, dim, bars(6, 30, seed=15, dim=True), tmp_path, seeds=2)
    assert result.candidates["scratch"].weights.startswith("seed ")
    tuned = result.candidates["sensor-shift"]
    alone = result.by_seed["sensor-shift"]["mae"]
    if len(tuned.seeds) == 2:
        assert tuned.weights == "average of 2 seeds" and result.estimates["sensor-shift"]["mae"].value not in alone
    else:
        assert result.estimates["sensor-shift"]["mae"].value == pytest.approx(alone[tuned.seeds[0]])


@pytest.mark.slow
def test_seeds_that_learned_from_other_frames_are_not_mixed(knows_bars, dim, tmp_path):
    """Whoever asks for 60 frames gets a policy that learned from 60."""
    options = {"seeds": 2, "frames": 60, "updates": 20}
    result = adapted(knows_bars, dim, bars(6, 30, seed=15, dim=True), tmp_path, apart=False, **options)
    assert result.output in ("gain", "scratch", "sensor-shift")  # which would be refitted if it had not been limited
    assert result.candidates["sensor-shift"].seeds == (0,) and result.refitted is None
    assert result.metrics()["refitted"] is None


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["gain", "sensor-shift"])
def test_after_the_decision_all_episodes_are_learned_from(knows_bars, dim, tmp_path, plan):
    learned, test = split(dim, 0.3)
    assert test is not None
    result = adapted(knows_bars, learned, test, tmp_path, plan, apart=False, seeds=2)
    metrics = result.metrics()
    assert metrics["output"] != "zero-shot", f"nothing to refit: {metrics['reason']}"
    assert metrics["refitted"] == {"frames": 200, "episodes": 20} and metrics["episodes"] < 20
    # The figures are those of the weights that had not learned from these frames.
    judged = result.candidates[result.output].policy
    figures = agreement_on(test).measure(predict_judged(judged, test))
    assert metrics["candidates"][result.output]["test"]["mae"]["value"] == pytest.approx(figures["mae"].value, abs=1e-6)
    assert not np.array_equal(predict_judged(judged, test), predict_judged(result.policy, test))
    if result.output == "gain":
        expected = with_gain(knows_bars, dim).heads.action.gain
        assert torch.allclose(result.policy.heads.action.gain, expected, atol=1e-5)
    # On frames that neither has seen, the one that learned from more is no worse, up to chance.
    fresh = bars(12, 30, seed=16, dim=True)
    before, after = (agreement_on(fresh).measure(predict_judged(p, fresh))["mae"] for p in (judged, result.policy))
    assert before.high is not None and after.value < before.high


@pytest.mark.slow
def test_a_test_set_of_its_own_is_never_learned_from(knows_bars, dim, tmp_path):
    result = adapted(knows_bars, dim, bars(12, 30, seed=15, dim=True), tmp_path, "gain", seeds=1, updates=5)
    assert result.output == "gain" and result.metrics()["refitted"] is None
    assert torch.equal(result.policy.heads.action.gain, with_gain(knows_bars, dim).heads.action.gain)


def test_an_adapted_policy_that_is_scaled_anew_is_judged_as_it_acts(knows_bars, tmp_path):
    """Its large answers are clipped when it acts; what another gain makes of them is not had from the clipped ones."""
    steep = copy.deepcopy(knows_bars)
    steep.heads.action.fold(torch.tensor([3.0]), torch.tensor([0.0]))
    learned, test = bars(4, 20, seed=1), bars(6, 20, seed=2)
    result = adapted(steep, learned, test, tmp_path, "gain", seeds=1, updates=5)
    predicted = result.comparisons[-1].predictions["gain"][0]
    np.testing.assert_allclose(predicted, predict_judged(with_gain(steep, learned), test), atol=1e-5)
    assert result.metrics()["candidates"]["gain"]["test"]["correlation"]["value"] > 0.9
