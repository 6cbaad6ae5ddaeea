# pyright: reportArgumentType=false, reportCallIssue=false
"""Controls of the alignment with unlabelled frames: what they match, and what they leave alone."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alignments import align_channels, align_views, vicreg_loss
from policies.policy import Policy
from sim2real.transfer.fitting.unlabelled import STAGES, low_norms
from untrained import half_dark, untrained


@pytest.fixture(scope="module")
def policy() -> Policy:
    return untrained()


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray]:
    return half_dark()


def output_of(layer: nn.Module, policy: Policy, images: np.ndarray) -> Tensor:
    """Return what one layer of the low stages gives for images."""
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        policy.features(torch.from_numpy(images), until=STAGES[-1])
    handle.remove()
    return seen[0]


def test_channels_get_the_moments_of_simulation(policy, frames):
    model = align_channels(policy, *frames)
    for ours, theirs in zip(low_norms(policy), low_norms(model), strict=True):
        expected, got = output_of(ours, policy, frames[0]), output_of(theirs, model, frames[1])
        for figure in (torch.mean, torch.std):
            torch.testing.assert_close(figure(got, (0, 2, 3)), figure(expected, (0, 2, 3)), rtol=1e-3, atol=1e-3)


def test_views_change_only_the_low_norms_and_the_seed_decides(policy, frames):
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    first, second, other = (align_views(policy, *frames, seed, 5).state_dict() for seed in (0, 0, 1))
    changed = {name for name, value in first.items() if not torch.equal(value, before[name])}
    assert changed == {
        f"encoder.stages.{name}.1.{kind}" for name in ("stem", "stage1.0") for kind in ("weight", "bias")
    }
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_views_loss_prefers_equal_spread_and_uncorrelated_features():
    random = torch.Generator().manual_seed(0)
    good = torch.randn((512, 4), generator=random)
    alike, narrow = good[:, :1].expand(-1, 4), 0.1 * good
    assert float(vicreg_loss(good, good)) < min(float(vicreg_loss(alike, alike)), float(vicreg_loss(narrow, narrow)))
    assert float(vicreg_loss(good, good)) < float(vicreg_loss(good, good.flip(0)))
