"""Which candidate to hand out: the one with the smallest expected error, by a prior and by cross-validation."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import METRIC_NAMES, Agreement, gain_free
from sim2real.statistics.units import FEWEST, JUDGING, STOPPING, Units
from sim2real.transfer.adapt_config import AUTO_PLANS
from sim2real.transfer.expectation import OTHER_DAYS, OTHER_DRIVES, Expectation, measured, prior
from sim2real.transfer.fitting.gain import with_gain
from sim2real.transfer.fitting.jobs import Job, run_jobs
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import TransferPlan
from sim2real.transfer.frames.folds import folds
from sim2real.transfer.gate import CALLED, unjudged

CONTROLS = ("gain", "scratch")

AUTO = (*AUTO_PLANS, "scratch")
"""The plans that `auto` compares: near, far, and the control without pretraining."""
FOLDS = 3
HOPELESS = 2.0  # standard deviations of the prior above no change, from where on a plan is not tried


@dataclass(frozen=True)
class Choice:
    """What was chosen, and on what grounds.

    Attributes:
        plan: name of the plan with the smallest expected error, controls aside.
        candidate: candidate with the smallest expected error: that plan or a control.
        reason: one sentence.
        errors: candidate -> gain-free error in cross-validation; empty if nothing could be left out.
        expected: candidate -> its error relative to the reference (see `Expectation`).
    """

    plan: str
    candidate: str
    reason: str
    errors: dict[str, float]
    expected: dict[str, Expectation]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for `metrics.json`."""
        expected = {name: expectation.to_dict() for name, expectation in self.expected.items()}
        return dataclasses.asdict(self) | {"expected": expected}


def choose(
    material: Material,
    plans: Mapping[str, TransferPlan],
    folder: Path,
    seed: int = 0,
    progress: Progress = silent,
) -> Choice:
    """Choose the candidate with the smallest expected error, of the plans and of not fitting at all.

    Plans that their prior makes hopeless are not tried. The others are cross-validated over independent units of the
    learning frames, or blocks of 5 s if there are few; the candidates' expectations are the priors after that.

    Args:
        plans: plans that may be tried, by name.
        folder: folder of the fits.
    """
    frames, reference = material.frames, unjudged(material.frames.criterion)
    correlation = agreement_on(frames).measure(predict_judged(material.policy, frames)[None])["correlation"].value
    expected = {name: prior(plan, correlation, len(frames)) for name, plan in plans.items() if plan.trained}
    tried = {name: plans[name] for name, e in expected.items() if e.mean < HOPELESS * e.std}
    validation = _cross_validate(material, tried, reference, folder, seed, progress)
    for name, ratio in validation.ratios.items():
        expected[name] = expected[name].updated(ratio)
    ranked = sorted(expected, key=lambda name: expected[name].loss)
    best = next((name for name in ranked[:1] if expected[name].loss < 1), reference)
    plan = next((name for name in ranked if name not in CONTROLS), "gain")
    losses = ", ".join(f"{name} {e.loss:.2f}" for name, e in expected.items())
    reason = f"smallest expected error ({losses} times that of {CALLED.get(reference, reference)}) {validation.grounds}"
    return Choice(plan, best, reason, validation.errors, expected)


@dataclass(frozen=True)
class _Validation:
    """Cross-validated errors, their log ratios to the reference's, and the grounds in words."""

    errors: dict[str, float]
    ratios: dict[str, Expectation]
    grounds: str


def _cross_validate(
    material: Material,
    plans: Mapping[str, TransferPlan],
    reference: str,
    folder: Path,
    seed: int,
    progress: Progress,
) -> _Validation:
    frames = material.frames
    blocks = JUDGING if len(frames.units(JUDGING)) >= FEWEST else STOPPING
    units, splits = frames.units(blocks), folds(frames, FOLDS, seed, blocks)
    if len(splits) < 2 or not plans:
        return _Validation({}, {}, f"by the prior alone: {units}, no cross-validation")
    parts = [dataclasses.replace(material, frames=frames.select(kept)) for kept, _ in splits]
    jobs = [Job(f"auto-{name}-{k}", part, plan, k, 1.0) for name, plan in plans.items() for k, part in enumerate(parts)]
    fitted = run_jobs(jobs, folder, progress)
    own_scale = gain_free(frames.criterion)
    predicted = {name: np.zeros_like(frames.done) for name in (reference, *plans)}
    for k, (part, (_, out)) in enumerate(zip(parts, splits, strict=True)):
        policies = {name: fitted[f"auto-{name}-{k}"].policy for name in plans}
        policies[reference] = with_gain(material.policy, part.frames) if own_scale else material.policy
        for name, policy in policies.items():
            predicted[name][out] = predict_judged(policy, frames.select(out))
    judged = np.any([out for _, out in splits], axis=0)
    tested = {name: values[judged] for name, values in predicted.items()}
    errors, ratios = _ratios(frames.select(judged), units.select(np.flatnonzero(judged)), tested, reference)
    figures = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    kind = METRIC_NAMES[_clear(frames.criterion)]
    return _Validation(errors, ratios, f"in {len(splits)}-fold cross-validation over {units} ({kind}: {figures})")


def _clear(criterion: str) -> str:
    return criterion if gain_free(criterion) else f"gain_free_{criterion}"


def _ratios(
    frames: Frames, units: Units, predicted: Mapping[str, np.ndarray], reference: str
) -> tuple[dict[str, float], dict[str, Expectation]]:
    """Return the gain-free errors, and the log ratios to the reference's.

    With known units the larger of the plain and the gain-free ratio counts: smaller motions alone reduce the plain
    error, and a wrong scale leaves the gain-free one as it is.
    """
    ratios: dict[str, Expectation] = {}
    errors: dict[str, float] = {}
    sessions = np.unique(frames.episode if frames.session is None else frames.session)
    elsewhere = OTHER_DAYS if len(sessions) > 1 else OTHER_DRIVES
    agreement = Agreement(frames.done, frames.episode, criterion=frames.criterion, units=units)
    for metric in dict.fromkeys((frames.criterion, _clear(frames.criterion))):
        estimates = {name: agreement.measure(values[None], [metric])[metric] for name, values in predicted.items()}
        errors = {name: estimate.value for name, estimate in estimates.items()}
        for name in predicted:
            if name == reference:
                continue
            difference = agreement.difference(predicted[name][None], predicted[reference][None], metric)
            ratio = measured(estimates[name], estimates[reference], difference, elsewhere)
            if ratio is not None and (name not in ratios or ratio.mean > ratios[name].mean):
                ratios[name] = ratio
    return errors, ratios
