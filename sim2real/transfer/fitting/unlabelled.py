"""Alignment of a policy's low stages with recorded frames whose actions are unknown.

Significant Subspace Alignment for regression (Adachi et al., ICLR 2025, arXiv 2410.03263): the affine parameters of the
low norms learn to give recorded frames features with the mean and variance of simulated ones, in the directions in
which simulated features vary, and most of all in those that move the action.
"""

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from policies.policy import Policy
from sim2real.progress import Progress, silent
from sim2real.transfer.fitting.augment import mirrored
from sim2real.transfer.fitting.batches import Simulated

STAGES = ("stem", "stage1")

# Chosen on one cell: a car's policy pretrained with one look, aligned with and judged on recordings of one venue. Half
# the directions, or more updates, made it worse there; other policies and recordings were only measured with these.
DIRECTIONS = 20
UPDATES = 200
LEARNING_RATE = 5e-3
BATCH_SIZE = 64

LARGEST_GRADIENT = 10.0
SLOPE_FRAMES = 512  # simulated frames over which the effect of a direction on the action is averaged
TINY = 1e-6  # share of the largest variance below which a direction is rounding error

Loss = Callable[[Policy, np.ndarray, np.random.Generator], Tensor]


class Subspace(NamedTuple):
    """Significant subspace of simulated features: mean (D,), directions (D, K), variances (K,), weights (K,)."""

    mean: Tensor
    directions: Tensor
    variances: Tensor
    weights: Tensor


def align_unlabelled(
    policy: Policy,
    simulated: Simulated,
    images: np.ndarray,
    mirror: bool = False,
    seed: int = 0,
    progress: Progress = silent,
    updates: int = UPDATES,
) -> Policy:
    """Return a copy whose features of recorded frames are distributed as those of simulated ones.

    Args:
        simulated: frames while the policy acts in simulation.
        images: (n, h, w, 3) uint8 recorded frames of the network's size.
        mirror: also use mirrored frames of both, so that as many turns are left as right; only where the task mirrors.
        updates: number of gradient steps.
    """
    subspace = significant_subspace(policy, simulated, mirror)

    def loss(model: Policy, batch: np.ndarray, random: np.random.Generator) -> Tensor:
        return subspace_loss(trunk_features(model, torch.from_numpy(batch)), subspace)

    return descend(policy, _both(images) if mirror else images, loss, LEARNING_RATE, updates, seed, progress)


def low_norms(policy: Policy) -> list[nn.GroupNorm]:
    """Return the norms of the low stages, from the image upwards."""
    layers = (layer for name in STAGES for layer in policy.encoder.stages[name].modules())
    return [layer for layer in layers if isinstance(layer, nn.GroupNorm)]


def trunk_features(policy: Policy, images: Tensor) -> Tensor:
    """Return (n, D) output of the heads' trunk for recorded images (n, h, w, 3) uint8."""
    return policy.heads.trunk(policy.features(images))


def significant_subspace(
    policy: Policy, simulated: Simulated, mirror: bool = False, directions: int = DIRECTIONS
) -> Subspace:
    """Return the principal directions of simulated features, weighted by their effect on the first action."""
    images = torch.from_numpy(_both(simulated.images) if mirror else simulated.images)
    with torch.no_grad():
        z = torch.cat([_simulated_features(policy, part) for part in images.split(256)])
    mean = z.mean(0)
    _, scales, rows = torch.linalg.svd(z - mean, full_matrices=False)
    variances = (scales**2 / (len(z) - 1))[:directions]
    variances = variances[variances > TINY * variances[0]]
    basis = rows[: len(variances)].T
    return Subspace(mean, basis, variances, 1 + (_slope(policy, simulated) @ basis).abs())


def subspace_loss(z: Tensor, subspace: Subspace) -> Tensor:
    """Return the weighted mean over directions of the symmetric divergence of Gaussians, for features (n, D)."""
    projected = (z - subspace.mean) @ subspace.directions
    mean, variance = projected.mean(0), projected.var(0).clamp(min=1e-8)
    ratio = subspace.variances / variance
    # KL(a|b) + KL(b|a): the logarithms cancel.
    divergence = 0.5 * (ratio + 1 / ratio - 2 + mean**2 * (1 / variance + 1 / subspace.variances))
    return (subspace.weights * divergence).sum() / subspace.weights.sum()


def descend(
    policy: Policy,
    images: np.ndarray,
    loss: Loss,
    learning_rate: float,
    updates: int,
    seed: int = 0,
    progress: Progress = silent,
) -> Policy:
    """Return a copy after gradient steps on the low norms; everything else stays as it is.

    Args:
        loss: maps the policy, a batch of the images (n, h, w, 3), and random numbers to a loss.
    """
    model, random = copy.deepcopy(policy).requires_grad_(False), np.random.default_rng(seed)
    learned = [p.requires_grad_(True) for norm in low_norms(model) for p in norm.parameters()]
    optimizer = torch.optim.Adam(learned, lr=learning_rate)
    for update in range(updates):
        value = loss(model, images[random.integers(0, len(images), BATCH_SIZE)], random)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(learned, LARGEST_GRADIENT)
        optimizer.step()
        progress(update + 1, updates)
    return model.requires_grad_(True).eval()


def _simulated_features(policy: Policy, images: Tensor) -> Tensor:
    """Return (n, D) features of simulated images, which the alignment of a recorded camera does not apply to."""
    return policy.heads.trunk(policy.features_of_aligned(images))


def _slope(policy: Policy, simulated: Simulated) -> Tensor:
    """Return (D,) the mean derivative of the first action, before its tanh, with respect to the features."""
    with torch.no_grad():
        hidden = _simulated_features(policy, torch.from_numpy(simulated.images[:SLOPE_FRAMES]))
    hidden.requires_grad_(True)
    state = None if simulated.state is None else torch.from_numpy(simulated.state[:SLOPE_FRAMES])
    inputs = hidden if state is None else torch.cat([hidden, state.to(hidden.dtype)], 1)
    return torch.autograd.grad(policy.heads.action.mlp(inputs)[:, 0].sum(), hidden)[0].mean(0)


def _both(images: np.ndarray) -> np.ndarray:
    return np.concatenate([images, mirrored(images)])
