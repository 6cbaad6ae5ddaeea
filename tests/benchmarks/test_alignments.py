"""Alignments with unlabelled frames: what they match, and what they leave alone."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alignments import (
    LAYERS,
    STAGES,
    Descent,
    align_channels,
    align_subspace,
    align_views,
    features,
    low_norms,
    significant_subspace,
    subspace_loss,
    vicreg_loss,
)
from policies.encoder import EncoderConfig
from policies.heads import HeadsConfig
from policies.policy import Policy, PolicyConfig
from policies.preprocessing import Preprocessing

SHORT = Descent(updates=5, batch_size=16, directions=5)


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    encoder, heads = EncoderConfig(size=(24, 40), width=8), HeadsConfig(reduced=8, hidden=32)
    preprocessing = Preprocessing(size=(40, 24), normalization="none")
    return Policy(PolicyConfig(encoder, heads, preprocessing)).eval()


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray]:
    """Simulated frames, and recorded ones whose upper half is dark, (64, 24, 40, 3)."""
    simulated = np.random.default_rng(0).integers(0, 256, (64, 24, 40, 3), np.uint8)
    recorded = simulated[::-1].copy()
    recorded[:, :12] //= 10
    return simulated, recorded


def output_of(layer: nn.Module, policy: Policy, images: np.ndarray) -> Tensor:
    """Return what one layer of the low stages gives for images."""
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        policy.features(torch.from_numpy(images), until=STAGES[-1])
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("layer", LAYERS)
def test_loss_is_zero_for_the_same_frames_and_positive_for_others(policy, frames, layer):
    subspace = significant_subspace(policy, frames[0], layer, 5)
    with torch.no_grad():
        same, other = (subspace_loss(features(policy, torch.from_numpy(x), layer), subspace) for x in frames)
    assert float(same) == pytest.approx(0, abs=1e-3)
    assert float(other) > 0.1
    assert (subspace.weights >= 1).all()


def test_loss_is_the_symmetric_divergence_of_gaussians(policy, frames):
    subspace = significant_subspace(policy, frames[0], "trunk", 1)
    z = subspace.mean + torch.tensor([[1.0], [2.0], [6.0]]) @ subspace.directions.T
    ours = torch.distributions.Normal(3.0, np.sqrt(7.0))
    simulated = torch.distributions.Normal(0.0, float(subspace.variances[0].sqrt()))
    kl = torch.distributions.kl_divergence
    assert float(subspace_loss(z, subspace)) == pytest.approx(
        float(kl(ours, simulated) + kl(simulated, ours)), rel=1e-4
    )


def test_channels_get_the_moments_of_simulation(policy, frames):
    model = align_channels(policy, *frames)
    for ours, theirs in zip(low_norms(policy), low_norms(model), strict=True):
        expected, got = output_of(ours, policy, frames[0]), output_of(theirs, model, frames[1])
        for figure in (torch.mean, torch.std):
            torch.testing.assert_close(figure(got, (0, 2, 3)), figure(expected, (0, 2, 3)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("align", [align_subspace, align_views])
def test_only_the_low_norms_change_and_the_seed_decides(policy, frames, align):
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    first, second, other = (align(policy, *frames, SHORT, seed).state_dict() for seed in (0, 0, 1))
    changed = {name for name, value in first.items() if not torch.equal(value, before[name])}
    assert changed == {
        f"encoder.stages.{name}.1.{kind}" for name in ("stem", "stage1.0") for kind in ("weight", "bias")
    }
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())


def test_descent_brings_the_distributions_closer(policy, frames):
    simulated, recorded = frames
    settings = dataclasses.replace(SHORT, updates=40, learning_rate=1e-2, mirror=False)
    subspace = significant_subspace(policy, simulated, settings.layer, settings.directions)
    model = align_subspace(policy, simulated, recorded, settings)
    images = torch.from_numpy(recorded)
    with torch.no_grad():
        before, after = (float(subspace_loss(features(p, images, settings.layer), subspace)) for p in (policy, model))
    assert after < 0.5 * before


def test_views_loss_prefers_equal_spread_and_uncorrelated_features():
    random = torch.Generator().manual_seed(0)
    good = torch.randn((512, 4), generator=random)
    alike, narrow = good[:, :1].expand(-1, 4), 0.1 * good
    assert float(vicreg_loss(good, good)) < min(float(vicreg_loss(alike, alike)), float(vicreg_loss(narrow, narrow)))
    assert float(vicreg_loss(good, good)) < float(vicreg_loss(good, good.flip(0)))
