"""Cross-validation of plans on the learning frames, as a race: who is left behind is fitted to no further fold."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import predict_judged
from sim2real.progress import NOTHING, Progress, silent
from sim2real.statistics.agreement import METRIC_NAMES, Agreement, Estimate, gain_free
from sim2real.statistics.units import FEWEST, JUDGING, STOPPING, Units
from sim2real.transfer.expectation import OTHER_DAYS, OTHER_DRIVES, Expectation, measured
from sim2real.transfer.fitting.gain import with_gain
from sim2real.transfer.fitting.jobs import Job, run_jobs
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import TransferPlan
from sim2real.transfer.frames.folds import folds
from sim2real.transfer.gate import unjudged

FOLDS = 3
LEFT_BEHIND = 1.2  # expected error as a multiple of the best one's, from where on a plan gets no further fold


@dataclass(frozen=True)
class Validation:
    """Cross-validated plans.

    Attributes:
        errors: candidate -> gain-free error (see `_Race.errors`); empty if nothing could be left out.
        expected: plan -> its error relative to the reference: the prior, updated by what was measured.
        grounds: the same in words.
    """

    errors: dict[str, float]
    expected: dict[str, Expectation]
    grounds: str


def cross_validate(
    material: Material,
    plans: Mapping[str, TransferPlan],
    priors: Mapping[str, Expectation],
    folder: Path,
    seed: int = 0,
    progress: Progress = silent,
) -> Validation:
    """Fit plans to folds of the learning frames, and judge them on the units that are left out.

    Units are sessions, or blocks of 5 s if there are few. After each fold, plans whose expected error is LEFT_BEHIND
    times that of the best candidate are given up (racing, Maron & Moore 1994): a fold of a hopeless plan costs as much
    time as one of the best. Before anything is measured (a single unit has no interval) none is given up.

    Args:
        priors: expectations of the plans before anything is fitted.
        folder: folder of the fits.
    """
    frames, expected = material.frames, {name: priors[name] for name in plans}
    blocks = JUDGING if len(frames.units(JUDGING)) >= FEWEST else STOPPING
    units, splits = frames.units(blocks), folds(frames, FOLDS, seed, blocks)
    if len(splits) < 2 or not plans:
        return Validation({}, expected, f"by the prior alone: {units}, no cross-validation")
    race = _Race(material, units)
    racing, fitted, ratios = list(plans), dict.fromkeys(plans, 0), dict[str, Expectation | None]()
    for k, (kept, out) in enumerate(splits):
        part = dataclasses.replace(material, frames=frames.select(kept))
        jobs = [Job(f"auto-{name}-{k}", part, plans[name], k, 1.0) for name in racing]
        done = run_jobs(jobs, folder, _share(progress, k, len(splits)))
        race.judge(part, out, {name: done[f"auto-{name}-{k}"].policy for name in racing})
        for name in racing:
            fitted[name], ratios[name] = k + 1, (ratio := race.ratio(name))
            expected[name] = priors[name] if ratio is None else priors[name].updated(ratio)
        best = min(1.0, *(expected[name].loss for name in racing))
        racing = [name for name in racing if ratios[name] is None or expected[name].loss < LEFT_BEHIND * best]
        if not racing:
            break
    progress(len(splits), len(splits))
    errors = race.errors()
    given_up = {name: f" in {count} of them" for name, count in fitted.items() if count < len(splits)}
    figures = ", ".join(f"{name} {error:.4f}{given_up.get(name, '')}" for name, error in errors.items())
    grounds = f"in {len(splits)}-fold cross-validation over {units} ({METRIC_NAMES[race.clear]}: {figures})"
    return Validation(errors, expected, grounds)


def _share(progress: Progress, fold: int, count: int) -> Progress:
    """Return progress over all folds, from that of the jobs of one."""

    def on_jobs(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
        progress(round(fold + done / max(total, 1), 2), count, figures)

    return on_jobs


class _Race:
    """Predictions of plans, and of the reference, for the frames that were left out so far."""

    def __init__(self, material: Material, units: Units) -> None:
        frames = material.frames
        self._material, self._frames, self._units = material, frames, units
        self.reference, self._own_scale = unjudged(frames.criterion), gain_free(frames.criterion)
        self.clear = frames.criterion if self._own_scale else f"gain_free_{frames.criterion}"
        self._predicted: dict[str, np.ndarray] = {}
        sessions = np.unique(frames.episode if frames.session is None else frames.session)
        self._elsewhere = OTHER_DAYS if len(sessions) > 1 else OTHER_DRIVES

    def judge(self, part: Material, out: np.ndarray, policies: Mapping[str, Policy]) -> None:
        """Add the predictions of policies that were fitted to a part for the frames that it leaves out."""
        policy, left = self._material.policy, self._frames.select(out)
        reference = with_gain(policy, part.frames) if self._own_scale else policy
        for name, each in {self.reference: reference, **policies}.items():
            row = self._predicted.setdefault(name, np.full(self._frames.done.shape, np.nan, np.float32))
            row[out] = predict_judged(each, left)

    def errors(self) -> dict[str, float]:
        """Return the gain-free errors, the reference first.

        That of a plan that was given up is its ratio to the reference's on the same frames, times the reference's on
        all: folds differ in difficulty.
        """
        everything = self._measured(self.reference, self.clear)[self.reference].value
        each = {name: self._measured(name, self.clear) for name in self._predicted}
        return {name: e[name].value / max(e[self.reference].value, 1e-12) * everything for name, e in each.items()}

    def ratio(self, name: str) -> Expectation | None:
        """Return the log ratio of a plan's error to the reference's on the same frames; None without an interval.

        With known units the larger of the plain and the gain-free ratio counts: smaller motions alone reduce the plain
        error, and a wrong scale leaves the gain-free one as it is.
        """
        ratios = []
        for metric in dict.fromkeys((self._frames.criterion, self.clear)):
            errors = self._measured(name, metric)
            difference = self._agreement(name).difference(*self._rows(name, name, self.reference), metric)
            ratios.append(measured(errors[name], errors[self.reference], difference, self._elsewhere))
        known = [ratio for ratio in ratios if ratio is not None]
        return max(known, key=lambda ratio: ratio.mean, default=None)

    def _measured(self, name: str, metric: str) -> dict[str, Estimate]:
        """Return the errors of a candidate and of the reference on the frames that the candidate was judged on."""
        agreement, both = self._agreement(name), (name, self.reference)
        rows = self._rows(name, *both)
        return {who: agreement.measure(row, [metric])[metric] for who, row in zip(both, rows, strict=True)}

    def _judged(self, name: str) -> np.ndarray:
        return np.isfinite(self._predicted[name]).all(1)

    def _rows(self, judged: str, *names: str) -> list[np.ndarray]:
        where = self._judged(judged)
        return [self._predicted[name][where][None] for name in names]

    def _agreement(self, name: str) -> Agreement:
        where = self._judged(name)
        frames, units = self._frames.select(where), self._units.select(np.flatnonzero(where))
        return Agreement(frames.done, frames.episode, criterion=frames.criterion, units=units)
