# pyright: reportArgumentType=false
"""Alignment with unlabelled frames: what it matches, and what it leaves alone."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from bars import bars
from policies.encoder import EncoderConfig
from policies.heads import HeadsConfig
from policies.policy import Policy, PolicyConfig
from policies.preprocessing import Preprocessing
from sim2real.errors import InputError
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.fitting.gain import beginning
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.fitting.unlabelled import (
    align_unlabelled,
    significant_subspace,
    subspace_loss,
    trunk_features,
)
from untrained import half_dark, untrained


def without_actions(images: np.ndarray, state: np.ndarray | None = None) -> Simulated:
    n = len(images)
    return Simulated(images, np.zeros((n, 2), np.float32), np.arange(n), state)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return untrained()


@pytest.fixture(scope="module")
def frames() -> tuple[Simulated, np.ndarray]:
    simulated, recorded = half_dark()
    return without_actions(simulated), recorded


def test_loss_is_zero_for_the_same_frames_and_positive_for_others(policy, frames):
    simulated, recorded = frames
    subspace = significant_subspace(policy, simulated, directions=5)
    with torch.no_grad():
        same, other = (
            float(subspace_loss(trunk_features(policy, torch.from_numpy(x)), subspace))
            for x in (simulated.images, recorded)
        )
    assert same == pytest.approx(0, abs=1e-3)
    assert other > 0.1
    assert (subspace.weights >= 1).all() and subspace.directions.shape[1] == 5


def test_loss_is_the_symmetric_divergence_of_gaussians(policy, frames):
    subspace = significant_subspace(policy, frames[0], directions=1)
    z = subspace.mean + torch.tensor([[1.0], [2.0], [6.0]]) @ subspace.directions.T
    ours = torch.distributions.Normal(3.0, np.sqrt(7.0))
    simulated = torch.distributions.Normal(0.0, float(subspace.variances[0].sqrt()))
    kl = torch.distributions.kl_divergence
    assert float(subspace_loss(z, subspace)) == pytest.approx(
        float(kl(ours, simulated) + kl(simulated, ours)), rel=1e-4
    )


def test_weights_are_the_slopes_of_the_first_action(policy, frames):
    """By differences, as the mean action (before its tanh) moves with the features along a direction."""
    subspace = significant_subspace(policy, frames[0], directions=5)
    hidden, mlp = trunk_features(policy, torch.from_numpy(frames[0].images)).detach(), policy.heads.action.mlp
    with torch.no_grad():
        for k in range(5):
            ends = [mlp(hidden + way * subspace.directions[:, k])[:, 0].mean() for way in (1e-3, -1e-3)]
            slope = float(ends[0] - ends[1]) / 2e-3
            assert float(subspace.weights[k]) == pytest.approx(1 + abs(slope), abs=2e-3)


def test_a_state_counts_among_the_inputs_of_the_action(frames):
    torch.manual_seed(0)
    encoder, heads = EncoderConfig(size=(24, 40), width=8), HeadsConfig(state=3, reduced=8, hidden=32)
    policy = Policy(PolicyConfig(encoder, heads, Preprocessing(size=(40, 24), normalization="none"))).eval()
    images = frames[0].images
    still, away = (without_actions(images, np.full((len(images), 3), value, np.float32)) for value in (0.0, 20.0))
    ours, theirs = (significant_subspace(policy, simulated, directions=5) for simulated in (still, away))
    torch.testing.assert_close(ours.variances, theirs.variances)
    assert not torch.allclose(ours.weights, theirs.weights)


def test_only_the_low_norms_change_and_the_seed_decides(policy, frames):
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    first, second, other = (
        align_unlabelled(policy, *frames, mirror=True, seed=seed, updates=5).state_dict() for seed in (0, 0, 1)
    )
    changed = {name for name, value in first.items() if not torch.equal(value, before[name])}
    assert changed == {
        f"encoder.stages.{name}.1.{kind}" for name in ("stem", "stage1.0") for kind in ("weight", "bias")
    }
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())


def test_descent_brings_the_distributions_closer(policy, frames):
    simulated, recorded = frames
    seen: list[float] = []
    model = align_unlabelled(
        policy, simulated, recorded, updates=80, progress=lambda done, total, figures=None: seen.append(done / total)
    )
    subspace, images = significant_subspace(policy, simulated), torch.from_numpy(recorded)
    with torch.no_grad():
        before, after = (float(subspace_loss(trunk_features(p, images), subspace)) for p in (policy, model))
    assert after < 0.5 * before
    assert len(seen) == 80 and seen[-1] == 1


def test_simulated_frames_are_not_moved_like_those_of_a_recorded_camera(policy, frames):
    moved = copy.deepcopy(policy)
    moved.align.similarity.copy_(torch.tensor([0.2, 0.0, 0.1, 0.0]))
    ours, theirs = (significant_subspace(p, frames[0]) for p in (policy, moved))
    torch.testing.assert_close(ours.mean, theirs.mean)


def test_mirrored_frames_are_those_of_both_sides(policy, frames):
    simulated = frames[0]
    flipped = dataclasses.replace(simulated, images=np.ascontiguousarray(simulated.images[:, :, ::-1]))
    ours, theirs = (significant_subspace(policy, each, mirror=True) for each in (simulated, flipped))
    torch.testing.assert_close(ours.mean, theirs.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.variances, theirs.variances, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("criterion", "kept"), [("mae", True), ("gain_free_mae", False)])
def test_the_scale_is_kept_where_units_are_known(knows_bars, criterion, kept):
    plan = find_plan("unlabelled")
    frames = dataclasses.replace(bars(2, 30, seed=1, gain=0.5), criterion=criterion)
    started = beginning(Material(knows_bars, frames, aligned=knows_bars).beginning(plan), frames, plan)
    assert torch.equal(started.heads.action.gain, knows_bars.heads.action.gain) == kept


def test_a_plan_without_the_frames_that_it_needs_is_refused(knows_bars):
    with pytest.raises(InputError, match="there are none"):
        Material(knows_bars, bars(2, 10, seed=1)).beginning(find_plan("unlabelled"))
