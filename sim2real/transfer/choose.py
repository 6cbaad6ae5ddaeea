"""`auto`: which plan, by cross-validation over episodes among those that the amount of data makes plausible."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import METRIC_NAMES
from sim2real.transfer.folds import folds
from sim2real.transfer.jobs import Job, run_jobs
from sim2real.transfer.learn import FOLDS, Material
from sim2real.transfer.plans import TransferPlan
from sim2real.transfer.probe import Probe, plausible


@dataclass(frozen=True)
class Choice:
    """The plan chosen, why, and the criterion's value for each candidate on episodes that it had not seen."""

    plan: str
    reason: str
    errors: dict[str, float]


def choose(
    material: Material,
    found: Probe,
    plans: Mapping[str, TransferPlan],
    folder: Path,
    seed: int = 0,
    progress: Progress = silent,
) -> Choice:
    """Try each plausible plan on all episodes but some, in turn, and take the one that errs least on those left out.

    With a single episode nothing can be left out: the probe's recommendation stands.

    Args:
        plans: by name, those that may be tried.
        folder: where fits are kept.
    """
    frames = material.frames
    if len(frames.episodes) < 2:
        return Choice(found.recommended, f"one episode, no cross-validation: {found.reason}", {})
    groups = folds(frames, FOLDS, seed)
    names = [
        name for name in plausible(len(frames), found.shift, found.zero_shot["correlation"].value) if name in plans
    ]
    rest = [_without(material, frames, group) for group in groups]
    jobs = [Job(f"auto-{name}-{k}", part, plans[name], seed) for name in names for k, part in enumerate(rest)]
    fitted = run_jobs(jobs, folder, progress)
    agreement = agreement_on(frames)
    errors = {}
    for name in names:
        predicted = np.zeros_like(frames.done)
        for k, group in enumerate(groups):
            out = np.isin(frames.episode, group)
            predicted[out] = predict_judged(fitted[f"auto-{name}-{k}"].policy, frames.select(out))
        errors[name] = agreement.measure(predicted)[frames.criterion].value
    best = min(errors, key=lambda name: errors[name])
    tried = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    kind = METRIC_NAMES[frames.criterion]
    return Choice(best, f"least error on episodes left out ({len(groups)}-fold, {kind}: {tried})", errors)


def _without(material: Material, frames: Frames, group: np.ndarray) -> Material:
    return dataclasses.replace(material, frames=frames.select(~np.isin(frames.episode, group)))
