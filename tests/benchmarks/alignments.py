"""Controls of the alignment with unlabelled frames (`fitting.unlabelled`); none of them is part of `sim2real adapt`.

They learn or set the same parameters: the affine ones of the norms of stem and stage1.
"""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from policies.policy import Policy
from sim2real.transfer.fitting.augment import photometric
from sim2real.transfer.fitting.unlabelled import STAGES, UPDATES, descend, low_norms

LIVE = 0.1  # share of the largest standard deviation, below which a feature is not used
LEARNING_RATE = 1e-3  # chosen with the alignment's own settings, on the same cell
STRENGTH = 1.0  # of the photometric augmentation


def align_views(
    policy: Policy, simulated: np.ndarray, recorded: np.ndarray, seed: int = 0, updates: int = UPDATES
) -> Policy:
    """Return a copy whose features of a recorded frame hardly depend on exposure, colour and noise, by VICReg.

    Views differ photometrically only: crops and flips would erase the car's offset and the sign of its steering.
    Features are in units of their standard deviation in simulation.

    Args:
        simulated, recorded: (n, h, w, 3) uint8 of the network's size.
    """
    with torch.no_grad():
        spread = torch.cat([features(policy, part) for part in torch.from_numpy(simulated).split(256)]).std(0)
    live = spread > LIVE * spread.max()

    def loss(model: Policy, images: np.ndarray, random: np.random.Generator) -> Tensor:
        views = (torch.from_numpy(photometric(images, STRENGTH, random)) for _ in range(2))
        return vicreg_loss(*(features(model, view)[:, live] / spread[live] for view in views))

    return descend(policy, recorded, loss, LEARNING_RATE, updates, seed)


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


def features(policy: Policy, images: Tensor) -> Tensor:
    """Return (n, D) inputs of the last layer for images (n, h, w, 3) uint8."""
    return policy.heads.action.mlp[:2](policy.heads.trunk(policy.features(images)))


def vicreg_loss(a: Tensor, b: Tensor) -> Tensor:
    """Return the loss of two views' features (n, D): invariance, variance and covariance (Bardes et al. 2022)."""

    def spread(z: Tensor) -> Tensor:
        z = z - z.mean(0)
        covariance = z.T @ z / (len(z) - 1)
        off_diagonal = covariance.square().sum() - covariance.diagonal().square().sum()
        return 25 * torch.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() + off_diagonal / z.shape[1]

    return 25 * (a - b).square().mean() + spread(a) + spread(b)


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
