# pyright: reportArgumentType=false
"""Where a recorded camera looks, beside the simulated one, fitted to what was done."""

import copy

import numpy as np
import torch
from scipy.optimize import least_squares

from policies.policy import Policy
from sim2real.evaluation.offline import predict_judged
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import gain_free

MOST = 600  # frames that a fit looks at: neighbours are alike
STEP = 0.02  # of central differences, half a pixel: what a network answers is rough in between
PRIOR = 0.05  # std of every number of the similarity about where the policy looks now
FURTHEST = 0.3
ROUNDS = 5


def looking(policy: Policy, similarity: np.ndarray) -> Policy:
    """Return a copy that looks elsewhere; `similarity` (4,) as in `Alignment`."""
    result = copy.deepcopy(policy)
    result.align.similarity.copy_(torch.as_tensor(similarity, dtype=torch.float32))
    return result


def aligned_to(policy: Policy, frames: Frames) -> Policy:
    """Return a copy that looks where the camera of these frames does."""
    return looking(policy, fit_similarity(policy, frames))


def fit_similarity(policy: Policy, frames: Frames) -> np.ndarray:
    """Fit (4,) the most probable similarity, by which the policy comes close to what was done.

    Non-linear least squares with a prior of where the policy looks now ± 0.05, so that a few frames do not turn the
    image; neighbouring frames count as one (as for the gain). Where people give actions on scales of their own, nothing
    is fitted: a driver who keeps left or steers late cannot be told from a camera that is turned or closer.
    """
    now = policy.align.similarity.double().cpu().numpy()
    if gain_free(frames.criterion) or not np.isfinite(frames.done).any():
        return now
    sample = frames.select(np.linspace(0, len(frames) - 1, min(len(frames), MOST)).astype(int))
    known = np.isfinite(sample.done)

    def left(similarity: np.ndarray) -> np.ndarray:
        return (predict_judged(looking(policy, similarity), sample) - sample.done)[known]

    # The frames that were not looked at count, too.
    noise = max(float(np.mean(left(now) ** 2)), 1e-6)
    weight = np.sqrt(frames.independent / noise * len(frames) / len(sample))

    def residuals(similarity: np.ndarray) -> np.ndarray:
        return np.concatenate([weight * left(similarity), (similarity - now) / PRIOR])

    def slopes(similarity: np.ndarray) -> np.ndarray:
        ends = [[residuals(similarity + way * step) for way in (1, -1)] for step in STEP * np.eye(4)]
        return np.stack([(after - before) / (2 * STEP) for after, before in ends], 1)

    now = now.clip(-0.9 * FURTHEST, 0.9 * FURTHEST)
    return least_squares(residuals, now, slopes, bounds=(-FURTHEST, FURTHEST), max_nfev=ROUNDS).x
