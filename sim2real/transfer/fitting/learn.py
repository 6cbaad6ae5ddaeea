"""One fit of a candidate: training by a plan on recordings, with early stopping if frames can be held out."""

from dataclasses import dataclass

import numpy as np

from policies.policy import Policy
from sim2real.progress import Progress, part_of, silent
from sim2real.recordings.frames import Frames
from sim2real.statistics.units import STOPPING
from sim2real.transfer.fitting.align import aligned_to
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.fitting.fit import Fitted, fit
from sim2real.transfer.fitting.plans import TransferPlan
from sim2real.transfer.frames.folds import FEW, folds, held_out

VALIDATION = 0.15  # share of frames held out for early stopping
FOLDS = 3


@dataclass(frozen=True)
class Material:
    """Training data of all candidates.

    Attributes:
        policy: the pretrained policy.
        frames: recorded frames.
        signs: (A,) signs of the actions when mirrored; None: frames are not mirrored.
        simulated: simulated frames, for plans that mix them in.
    """

    policy: Policy
    frames: Frames
    signs: np.ndarray | None = None
    simulated: Simulated | None = None


def learn(
    material: Material, plan: TransferPlan, seed: int, progress: Progress = silent, share: float | None = None
) -> Fitted:
    """Train by the plan; held-out units (sessions, or blocks of 5 s if there are few) decide when to stop.

    With many units some are held out permanently. With few, each is held out in turn; the policy is then trained on
    all of them for the number of updates that was best on average. With a single unit the complete schedule is run
    without validation.

    Args:
        share: share of the plan's schedule after which to stop, if known; all frames are then learned from.
    """
    frames, count = material.frames, len(material.frames.units(STOPPING))
    shared = {"signs": material.signs, "simulated": material.simulated, "seed": seed}
    if share is not None:
        updates = round(share * plan.steps(len(frames)))
        return fit(_start(material, plan, frames), plan, frames, **shared, updates=updates, progress=progress)
    if not plan.trained or count < 2:
        return fit(_start(material, plan, frames), plan, frames, **shared, progress=progress)
    if count >= FEW:
        kept, out = validation_split(frames)
        return fit(_start(material, plan, kept), plan, kept, out, **shared, progress=progress)
    splits, steps = folds(frames, FOLDS, seed, STOPPING), plan.steps(len(frames))
    shared["schedule"], parts = steps, len(splits) + 1
    errors: dict[int, list[float]] = {}
    for k, (kept, out) in enumerate(splits):
        rest = frames.select(kept)
        fitted = fit(
            *(_start(material, plan, rest), plan, rest, frames.select(out)),
            **shared,
            progress=part_of(progress, k, parts),
        )
        for update, error in fitted.errors.items():
            errors.setdefault(update, []).append(error * out.sum())
    judged = sum(out.sum() for _, out in splits)
    mean = {update: float(np.sum(each)) / judged for update, each in errors.items()}
    best = min(mean, key=lambda update: mean[update])
    result = fit(
        *(_start(material, plan, frames), plan, frames),
        **shared,
        updates=best,
        progress=part_of(progress, len(splits), parts),
    )
    progress(parts, parts)
    return Fitted(result.policy, best, mean, steps)


def validation_split(frames: Frames) -> tuple[Frames, Frames | None]:
    """Return (training frames, held-out frames); the latter are None if each of few units is held out in turn.

    The split is the same for every seed, so that seeds can be compared on frames that none of them learned from.
    """
    return held_out(frames, VALIDATION, 0, STOPPING) if len(frames.units(STOPPING)) >= FEW else (frames, None)


def _start(material: Material, plan: TransferPlan, frames: Frames) -> Policy:
    """Return the pretrained policy, aligned to the camera of these frames if the plan aligns."""
    return aligned_to(material.policy, frames) if plan.align else material.policy
