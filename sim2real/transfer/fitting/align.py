# pyright: reportArgumentType=false
"""Alignment of a recorded camera with the simulated one, fitted to the recorded actions."""

import copy

import numpy as np
import torch
from scipy.optimize import least_squares

from policies.policy import Policy
from sim2real.evaluation.offline import predict_judged
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import gain_free

MOST = 600  # maximum number of frames in a fit, as neighbours are similar
STEP = 0.02  # step of central differences, half a pixel: the output is not smooth below
PRIOR = 0.05  # prior std of the similarity's parameters about the current alignment
FURTHEST = 0.3
ROUNDS = 5


def looking(policy: Policy, similarity: np.ndarray) -> Policy:
    """Return a copy of the policy with another alignment; `similarity` (4,) as in `Alignment`."""
    result = copy.deepcopy(policy)
    result.align.similarity.copy_(torch.as_tensor(similarity, dtype=torch.float32))
    return result


def aligned_to(policy: Policy, frames: Frames) -> Policy:
    """Return a copy of the policy that is aligned to the camera of these frames."""
    return looking(policy, fit_similarity(policy, frames))


def fit_similarity(policy: Policy, frames: Frames) -> np.ndarray:
    """Return (4,) the most probable similarity, with which the policy fits the recorded actions best.

    Non-linear least squares with a prior of ± 0.05 about the current alignment, so that a few frames do not rotate the
    image; neighbouring frames count as one (as for the gain). If drivers have individual action scales, nothing is
    fitted: a driver who keeps left or steers late has the same effect as a rotated or closer camera.
    """
    now = policy.align.similarity.double().cpu().numpy()
    if gain_free(frames.criterion) or not np.isfinite(frames.done).any():
        return now
    sample = frames.select(np.linspace(0, len(frames) - 1, min(len(frames), MOST)).astype(int))
    known = np.isfinite(sample.done)

    def left(similarity: np.ndarray) -> np.ndarray:
        return (predict_judged(looking(policy, similarity), sample) - sample.done)[known]

    # Weighted to represent all frames, including those left out.
    noise = max(float(np.mean(left(now) ** 2)), 1e-6)
    weight = np.sqrt(frames.independent / noise * len(frames) / len(sample))

    def residuals(similarity: np.ndarray) -> np.ndarray:
        return np.concatenate([weight * left(similarity), (similarity - now) / PRIOR])

    def slopes(similarity: np.ndarray) -> np.ndarray:
        ends = [[residuals(similarity + way * step) for way in (1, -1)] for step in STEP * np.eye(4)]
        return np.stack([(after - before) / (2 * STEP) for after, before in ends], 1)

    now = now.clip(-0.9 * FURTHEST, 0.9 * FURTHEST)
    return least_squares(residuals, now, slopes, bounds=(-FURTHEST, FURTHEST), max_nfev=ROUNDS).x
