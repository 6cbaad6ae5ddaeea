"""Alignments of a policy's low stages with unlabelled frames, to compare; none of them is part of `sim2real adapt`.

All learn or set only the affine parameters of the norms of stem and stage1, from simulated frames and from recorded
frames without their actions.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from policies.policy import Policy
from sim2real.transfer.fitting.augment import mirrored, photometric

STAGES = ("stem", "stage1")
LAYERS = ("pooled", "trunk", "last")
LIVE = 0.1  # share of the largest standard deviation, below which a feature is not used


@dataclass(frozen=True)
class Descent:
    """Settings of an alignment by gradient descent.

    Attributes:
        layer: aligned features: "pooled" (mean of the encoder's map), "trunk", or "last" (input of the last layer).
        directions: number of principal directions.
        updates: gradient steps.
        batch_size: recorded frames in a batch.
        learning_rate: Adam's.
        mirror: also use mirrored frames of both domains, so that the share of left turns is the same.
        strength: strength of the photometric augmentation.
    """

    layer: str = "trunk"
    directions: int = 20
    updates: int = 200
    batch_size: int = 64
    learning_rate: float = 5e-3
    mirror: bool = True
    strength: float = 1.0


class Subspace(NamedTuple):
    """Significant subspace of simulated features: mean (D,), directions (D, K), variances (K,), weights (K,)."""

    mean: Tensor
    directions: Tensor
    variances: Tensor
    weights: Tensor


def align_subspace(
    policy: Policy, simulated: np.ndarray, recorded: np.ndarray, settings: Descent, seed: int = 0
) -> Policy:
    """Return a copy whose features of recorded frames are distributed as those of simulated ones.

    Significant Subspace Alignment for regression (Adachi et al., ICLR 2025, arXiv 2410.03263).

    Args:
        simulated, recorded: (n, h, w, 3) uint8 of the network's size.
    """
    subspace = significant_subspace(policy, _both(simulated, settings), settings.layer, settings.directions)

    def loss(model: Policy, images: np.ndarray, random: np.random.Generator) -> Tensor:
        return subspace_loss(features(model, torch.from_numpy(images), settings.layer), subspace)

    return _descend(policy, _both(recorded, settings), loss, settings, seed)


def align_views(
    policy: Policy, simulated: np.ndarray, recorded: np.ndarray, settings: Descent, seed: int = 0
) -> Policy:
    """Return a copy whose features of a recorded frame hardly depend on exposure, colour and noise, by VICReg.

    Views differ photometrically only: crops and flips would erase the car's offset and the sign of its steering.
    Features are in units of their standard deviation in simulation.
    """
    spread = _features_of(policy, simulated, settings.layer).std(0)
    live = spread > LIVE * spread.max()

    def loss(model: Policy, images: np.ndarray, random: np.random.Generator) -> Tensor:
        views = (torch.from_numpy(photometric(images, settings.strength, random)) for _ in range(2))
        return vicreg_loss(*(features(model, view, settings.layer)[:, live] / spread[live] for view in views))

    return _descend(policy, _both(recorded, settings), loss, settings, seed)


def align_channels(policy: Policy, simulated: np.ndarray, recorded: np.ndarray) -> Policy:
    """Return a copy in which every channel has the mean and std that it has in simulation, after every low norm.

    The counterpart of re-estimated batch statistics (AdaBN, Li et al. 2017) where norms keep none.
    """
    model = copy.deepcopy(policy)
    for ours, theirs in zip(low_norms(policy), low_norms(model), strict=True):
        (mean, std), (their_mean, their_std) = _moments(policy, ours, simulated), _moments(model, theirs, recorded)
        scale = std / their_std.clamp(min=1e-6)
        with torch.no_grad():
            theirs.weight.mul_(scale)
            theirs.bias.copy_((theirs.bias - their_mean) * scale + mean)
    return model


def low_norms(policy: Policy) -> list[nn.GroupNorm]:
    """Return the norms of the low stages, from the image upwards."""
    layers = (layer for name in STAGES for layer in policy.encoder.stages[name].modules())
    return [layer for layer in layers if isinstance(layer, nn.GroupNorm)]


def features(policy: Policy, images: Tensor, layer: str) -> Tensor:
    """Return (n, D) features of images (n, h, w, 3) uint8."""
    encoded = policy.features(images)
    if layer == "pooled":
        return encoded.mean((2, 3))
    hidden = policy.heads.trunk(encoded)
    return hidden if layer == "trunk" else policy.heads.action.mlp[:2](hidden)


def significant_subspace(policy: Policy, images: np.ndarray, layer: str, directions: int) -> Subspace:
    """Return the principal directions of the features, weighted by their effect on the first action."""
    z = _features_of(policy, images, layer)
    mean = z.mean(0)
    _, scales, rows = torch.linalg.svd(z - mean, full_matrices=False)
    variances = (scales**2 / (len(z) - 1))[:directions]
    variances = variances[variances > 1e-6 * variances[0]]
    basis = rows[: len(variances)].T
    return Subspace(mean, basis, variances, 1 + (_slope(policy, images, layer) @ basis).abs())


def subspace_loss(z: Tensor, subspace: Subspace) -> Tensor:
    """Return the weighted mean over directions of the symmetric divergence of Gaussians, for features (n, D)."""
    projected = (z - subspace.mean) @ subspace.directions
    mean, variance = projected.mean(0), projected.var(0).clamp(min=1e-8)
    ratio = subspace.variances / variance
    # KL(a|b) + KL(b|a): the logarithms cancel.
    divergence = 0.5 * (ratio + 1 / ratio - 2 + mean**2 * (1 / variance + 1 / subspace.variances))
    return (subspace.weights * divergence).sum() / subspace.weights.sum()


def vicreg_loss(a: Tensor, b: Tensor) -> Tensor:
    """Return the loss of two views' features (n, D): invariance, variance and covariance (Bardes et al. 2022)."""

    def spread(z: Tensor) -> Tensor:
        z = z - z.mean(0)
        covariance = z.T @ z / (len(z) - 1)
        off_diagonal = covariance.square().sum() - covariance.diagonal().square().sum()
        return 25 * torch.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() + off_diagonal / z.shape[1]

    return 25 * (a - b).square().mean() + spread(a) + spread(b)


def _slope(policy: Policy, images: np.ndarray, layer: str) -> Tensor:
    """Return (D,) the mean derivative of the first action, before its tanh, with respect to the features."""
    mlp = policy.heads.action.mlp
    encoded = policy.features(torch.from_numpy(images[:512])).detach()
    hidden = policy.heads.trunk(encoded).detach()
    start = {"pooled": encoded.mean((2, 3)), "trunk": hidden, "last": mlp[:2](hidden).detach()}[layer]
    moved = torch.zeros_like(start, requires_grad=True)
    if layer == "pooled":
        output = mlp(policy.heads.trunk(encoded + moved[:, :, None, None]))
    else:
        output = (mlp if layer == "trunk" else mlp[2:])(start + moved)
    return torch.autograd.grad(output[:, 0].sum(), moved)[0].mean(0)


def _features_of(policy: Policy, images: np.ndarray, layer: str) -> Tensor:
    with torch.no_grad():
        return torch.cat([features(policy, part, layer) for part in torch.from_numpy(images).split(256)])


def _both(images: np.ndarray, settings: Descent) -> np.ndarray:
    return np.concatenate([images, mirrored(images)]) if settings.mirror else images


def _descend(
    policy: Policy,
    images: np.ndarray,
    loss: Callable[[Policy, np.ndarray, np.random.Generator], Tensor],
    settings: Descent,
    seed: int,
) -> Policy:
    """Return a copy after gradient steps on the low norms; everything else stays as it is."""
    model, random = copy.deepcopy(policy).requires_grad_(False), np.random.default_rng(seed)
    learned = [p.requires_grad_(True) for norm in low_norms(model) for p in norm.parameters()]
    optimizer = torch.optim.Adam(learned, lr=settings.learning_rate)
    for _ in range(settings.updates):
        value = loss(model, images[random.integers(0, len(images), settings.batch_size)], random)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(learned, 10.0)
        optimizer.step()
    return model.requires_grad_(True).eval()


def _moments(policy: Policy, norm: nn.Module, images: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return mean and std (C,) of the norm's output over frames and pixels."""
    parts: list[tuple[Tensor, Tensor]] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        parts.append((output.mean((2, 3)), output.square().mean((2, 3))))

    handle = norm.register_forward_hook(keep)
    try:
        with torch.no_grad():
            for part in torch.from_numpy(images).split(256):
                policy.features(part, until=STAGES[-1])
    finally:
        handle.remove()
    mean, square = (torch.cat(each).mean(0) for each in zip(*parts, strict=True))
    return mean, (square - mean**2).clamp(min=0).sqrt()
