"""Scale and offset of the action, which differ between drivers and cars."""

import copy

import numpy as np
import torch

from policies.policy import Policy
from sim2real.evaluation.offline import predict
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import fitted_gain, gain_free
from sim2real.transfer.fitting.batches import Labelled
from sim2real.transfer.fitting.plans import TransferPlan

PRIOR_GAIN, PRIOR_OFFSET = 0.35, 0.05  # prior std about 1 and 0
SANE = (0.5, 2.0)  # two prior standard deviations in the logarithm, of scales between drivers


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


def with_gain(policy: Policy, frames: Frames, recovery: Labelled | None = None) -> Policy:
    """Return a copy of the policy with the gain and offset that fit the frames folded into its head, per action.

    They are fitted to the head's unclipped output, to which they apply.

    Args:
        recovery: frames from beside the line, whose labels count where there are any: those of drivers, who do not
            leave it, took a third of the steering away that brings a car back.
    """
    return _folded(policy, *_fitted(policy, frames, recovery)[:2])


def with_spread(policy: Policy, frames: Frames, recovery: Labelled | None = None) -> Policy:
    """Return a copy of the policy whose actions spread as much as the recorded ones, per action.

    Errors of perception make the fitted gain smaller (regression dilution), to nearly 0 if the policy sees nothing in
    the recordings; the ratio of the standard deviations does not depend on them (reduced major axis regression, York
    1966). It is limited to SANE, as the actions of a policy that sees nothing may have any spread. The offset is the
    fitted one, whose prior holds where the mean of such actions says nothing; actions to one side keep the fitted gain.
    """
    gain, offset, pairs = _fitted(policy, frames, recovery)
    for k, (p, y) in enumerate(pairs):
        if _two_sided(y):
            gain[k] = np.clip(_spread(y) / max(_spread(p), 1e-6), *SANE)
    return _folded(policy, gain, offset)


def _two_sided(values: np.ndarray) -> bool:
    """Return whether values (n,) lie about 0, such as a steering's and unlike a throttle's."""
    known = values[np.isfinite(values)]
    return len(known) > 0 and abs(float(known.mean())) < float(known.std())


def _fitted(
    policy: Policy, frames: Frames, recovery: Labelled | None
) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Return the fitted gain (A,), the offset (A,), and by action what was fitted: unclipped and true actions (n,)."""
    pairs = _pairs(policy, frames)
    independent = [frames.independent] * len(pairs)
    if recovery is not None:
        for k, pair in enumerate(_pairs(policy, recovery)):
            if np.isfinite(pair[1]).any():
                pairs[k], independent[k] = pair, 1.0
    gain, offset = np.array([estimate_gain(*pair, share) for pair, share in zip(pairs, independent, strict=True)]).T
    return gain, offset, pairs


def _pairs(policy: Policy, frames: Frames | Labelled) -> list[tuple[np.ndarray, np.ndarray]]:
    predicted = predict(policy, frames.images, frames.state, clip=False)
    return list(zip(predicted.T, frames.actions.T, strict=True))


def _spread(values: np.ndarray) -> float:
    """Return the standard deviation of values (n,) without the outer tenth on both sides; NaN if none is known."""
    known = values[np.isfinite(values)]
    return float(np.std(known.clip(*np.quantile(known, [0.1, 0.9])))) if len(known) else float("nan")


def _folded(policy: Policy, gain: np.ndarray, offset: np.ndarray) -> Policy:
    result = copy.deepcopy(policy)
    device = result.heads.action.gain.device
    result.heads.action.fold(*(torch.tensor(value, dtype=torch.float32, device=device) for value in (gain, offset)))
    return result


def beginning(policy: Policy, frames: Frames, plan: TransferPlan, recovery: Labelled | None = None) -> Policy:
    """Return the initial policy of a plan: in the scale of the recordings if drivers have individual scales.

    With known units the policy keeps its scale. Perception errors are noise in the variable that the gain multiplies,
    so that the best-fitting gain is below 1 (regression dilution) and would make all motions smaller. A plan that
    trains nothing consists of the gain and always uses it, unless it aligns with unlabelled frames. A plan with a new
    head does not start from the policy's actions but learns them on simulated frames, in the scale of `with_spread`.
    """
    rescale = gain_free(frames.criterion) if plan.rescale is None else plan.rescale
    if not rescale and (plan.trained or plan.unlabelled):
        return copy.deepcopy(policy)
    beside = recovery if plan.recovery else None
    return (with_spread if "head" in plan.reset else with_gain)(policy, frames, beside)
