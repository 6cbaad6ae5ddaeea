"""A small untrained policy, and recorded frames that differ from simulated ones in structure."""

import numpy as np
import torch

from policies.encoder import EncoderConfig
from policies.heads import HeadsConfig
from policies.policy import Policy, PolicyConfig
from policies.preprocessing import Preprocessing


def untrained() -> Policy:
    torch.manual_seed(0)
    encoder, heads = EncoderConfig(size=(24, 40), width=8), HeadsConfig(reduced=8, hidden=32)
    return Policy(PolicyConfig(encoder, heads, Preprocessing(size=(40, 24), normalization="none"))).eval()


def half_dark() -> tuple[np.ndarray, np.ndarray]:
    """Simulated frames, and recorded ones whose upper half is dark, (64, 24, 40, 3)."""
    simulated = np.random.default_rng(0).integers(0, 256, (64, 24, 40, 3), np.uint8)
    recorded = simulated[::-1].copy()
    recorded[:, :12] //= 10
    return simulated, recorded
