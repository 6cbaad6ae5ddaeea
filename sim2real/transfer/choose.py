"""`auto`: choice of the plan by cross-validation among the plausible ones for the amount of data."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import Progress, silent
from sim2real.statistics.agreement import METRIC_NAMES, gain_free
from sim2real.transfer.fitting.jobs import Job, run_jobs
from sim2real.transfer.fitting.learn import FOLDS, Material
from sim2real.transfer.fitting.plans import TransferPlan
from sim2real.transfer.frames.folds import folds
from sim2real.transfer.shift import DomainShift, plausible


@dataclass(frozen=True)
class Choice:
    """The chosen plan, the reason, and the validation error of each plan that was tried."""

    plan: str
    reason: str
    errors: dict[str, float]


def choose(
    material: Material,
    shift: DomainShift,
    plans: Mapping[str, TransferPlan],
    folder: Path,
    seed: int = 0,
    progress: Progress = silent,
) -> Choice:
    """Cross-validate each plausible plan over units, and choose the one with the smallest error.

    With a single unit there is no cross-validation, and the probe's recommendation is used. Frames within the guard of
    a split are not used in that fold.

    Args:
        plans: plans that may be tried, by name.
        folder: folder of the fits.
    """
    frames = material.frames
    units, splits = frames.units(), folds(frames, FOLDS, seed)
    if len(splits) < 2:
        return Choice(shift.recommended, f"one {units.kind}, no cross-validation: {shift.reason}", {})
    names = [
        name for name in plausible(len(frames), shift.shift, shift.zero_shot["correlation"].value) if name in plans
    ]
    rest = [dataclasses.replace(material, frames=frames.select(kept)) for kept, _ in splits]
    jobs = [Job(f"auto-{name}-{k}", part, plans[name], seed) for name in names for k, part in enumerate(rest)]
    fitted = run_jobs(jobs, folder, progress)
    judged = np.any([out for _, out in splits], axis=0)
    # With known units by the gain-free error, as smaller motions alone reduce the plain one (see the gate).
    criterion = frames.criterion if gain_free(frames.criterion) else f"gain_free_{frames.criterion}"
    agreement = agreement_on(dataclasses.replace(frames.select(judged), criterion=criterion))
    errors = {}
    for name in names:
        predicted = np.zeros_like(frames.done)
        for k, (_, out) in enumerate(splits):
            predicted[out] = predict_judged(fitted[f"auto-{name}-{k}"].policy, frames.select(out))
        errors[name] = agreement.measure(predicted[judged])[criterion].value
    best = min(errors, key=lambda name: errors[name])
    tried = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    kind = METRIC_NAMES[criterion]
    return Choice(
        best, f"smallest error in cross-validation over {units} ({len(splits)}-fold, {kind}: {tried})", errors
    )
