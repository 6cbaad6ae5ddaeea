"""Scale and offset of the action, which differ between drivers and cars."""

import copy

import numpy as np
import torch

from policies.policy import Policy
from sim2real.evaluation.offline import predict
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import fitted_gain, gain_free
from sim2real.transfer.fitting.plans import TransferPlan

PRIOR_GAIN, PRIOR_OFFSET = 0.35, 0.05  # prior std about 1 and 0


def estimate_gain(predicted: np.ndarray, actual: np.ndarray, independent: float = 1.0) -> tuple[float, float]:
    """Return the most probable gain and offset from predicted (n,) to actual (n,), which is NaN where unknown.

    Bayesian linear regression with a prior of 1 ± 0.35 and 0 ± 0.05, so that few frames, or frames of a straight, have
    little influence (Bishop 2006, eq. 3.50).

    Args:
        independent: share of frames that count as independent; smoothed and neighbouring frames are similar.
    """
    known = np.isfinite(actual)
    p, y = predicted[known].astype(np.float64), actual[known].astype(np.float64)
    if not len(y):
        return 1.0, 0.0
    gain, offset = fitted_gain(p, y)
    noise = max(float(np.mean((gain * p + offset - y) ** 2)), 1e-6)
    inputs = np.stack([p, np.ones_like(p)], 1)
    prior = np.diag([PRIOR_GAIN**-2, PRIOR_OFFSET**-2])
    precision = prior + independent / noise * inputs.T @ inputs
    solved = np.linalg.solve(precision, prior @ [1.0, 0.0] + independent / noise * inputs.T @ y)
    return float(solved[0]), float(solved[1])


def with_gain(policy: Policy, frames: Frames) -> Policy:
    """Return a copy of the policy with the gain and offset that fit the frames folded into its head, per action.

    They are fitted to the head's unclipped output, to which they apply.
    """
    predicted = predict(policy, frames.images, frames.state, clip=False)
    pairs = [estimate_gain(p, y, frames.independent) for p, y in zip(predicted.T, frames.actions.T, strict=True)]
    gain, offset = torch.tensor(pairs, dtype=torch.float32).T
    result = copy.deepcopy(policy)
    device = result.heads.action.gain.device
    result.heads.action.fold(gain.to(device), offset.to(device))
    return result


def beginning(policy: Policy, frames: Frames, plan: TransferPlan) -> Policy:
    """Return the initial policy of a plan: in the scale of the recordings if drivers have individual scales.

    With known units the policy keeps its scale. Perception errors are noise in the variable that the gain multiplies,
    so that the best-fitting gain is below 1 (regression dilution) and would make all motions smaller. A plan that
    trains nothing consists of the gain and always uses it.
    """
    rescale = gain_free(frames.criterion) if plan.rescale is None else plan.rescale
    return with_gain(policy, frames) if rescale or not plan.trained else copy.deepcopy(policy)
