"""Freeze depth: which stages to retrain, from the image upwards and from the head downwards.

All fits have one recipe (`sim2real.studies.recipe`): copied weights, the same frames, learning rate and number of
updates, the head trained. They differ in the stages that are trained: the lowest k, the others frozen (a frozen
suffix); or the highest k (a frozen prefix). None and all are the ends of both curves.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from policies.stages import STAGE_NAMES
from sim2real.progress import Stages
from sim2real.statistics.agreement import Estimate
from sim2real.studies.cells import make_cells
from sim2real.studies.estimates import side
from sim2real.studies.fits import (
    CLOSE,
    UNTRAINED,
    Comparison,
    fit_key,
    fit_measurement,
    signed,
    untrained_key,
    untrained_measurement,
    with_updates,
)
from sim2real.studies.measurements import Figures, Measurement
from sim2real.studies.part import Summary, Verdict, left_out
from sim2real.studies.recipe import copied_plan
from sim2real.studies.study_config import ALL_SEEDS, StudyConfig
from sim2real.studies.transfer_config import ALL_CELLS, DEPTH_CELLS
from sim2real.transfer.fitting.plans import PARTS, TransferPlan

LOWEST, HIGHEST = "lowest", "highest"
DEPTHS = range(len(STAGE_NAMES) + 1)


def depth_plan(which: str, count: int) -> TransferPlan:
    """Return the recipe with the lowest or the highest stages trained, and the head.

    Args:
        count: number of trained stages; with none or all of them, both are the same plan.
    """
    stages = STAGE_NAMES[:count] if which == LOWEST else STAGE_NAMES[len(STAGE_NAMES) - count :]
    name = "head-only" if not count else "everything" if count == len(STAGE_NAMES) else f"{which}-{count}"
    return dataclasses.replace(copied_plan(1.0, (*stages, "head")), name=name)


class FreezeDepth:
    """The part freeze-depth; see the module's description."""

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        self.study, self.config, self._folder = config, config.transfer, folder
        self.cells = self.config.cells or (ALL_CELLS if config.full else DEPTH_CELLS)
        pairs = [(which, count) for which in (LOWEST, HIGHEST) for count in DEPTHS]
        self._plan = {pair: with_updates(depth_plan(*pair), self.config) for pair in pairs}
        self.plans = {plan.name: plan for plan in self._plan.values()}

    def prepare(self, stages: Stages) -> None:
        """Record and read the cells."""
        self._read = make_cells(self.cells, self.study.pretrained, self.config, self._folder, stages)
        self.size = min(cell.sizes([self.config.depth_size])[0] for cell in self._read.values())

    def measurements(self, results: Mapping[str, Figures]) -> Sequence[Measurement]:
        """Return a fit per cell, plan and seed, those that take longest first."""
        plans = sorted(self.plans.values(), key=lambda plan: PARTS.index(plan.trained[0]))
        fits = [
            fit_measurement(cell, self.size, plan, seed)
            for plan in plans
            for cell in self._read.values()
            for seed in self.study.drawn
        ]
        return [*fits, *map(untrained_measurement, self._read.values())]

    def summary(self, results: Mapping[str, Figures]) -> Summary:
        """Return the curves, and the verdicts."""
        compared = {name: self._compared(name, results) for name in self.cells}
        verdicts = [verdict for name, cell in compared.items() for verdict in self._judged(name, cell)]
        figures = {
            "curves": {name: self._curves(cell) for name, cell in compared.items()},
            "frames": self.size,
            "learning_rate": self.plans["everything"].learning_rate,
            "steps": self.plans["everything"].steps(self.size),
            "untrained": {name: cell.errors[UNTRAINED].to_dict() for name, cell in compared.items()},
            "seeds": list(self.study.drawn),
            "metric": next(iter(compared.values())).criterion,
            "unit": next(iter(compared.values())).units,
        }
        missing = left_out(("cells", self.cells, ALL_CELLS), ("seeds", self.study.drawn, ALL_SEEDS))
        return Summary(tuple(verdicts), missing, figures)

    def _judged(self, name: str, cell: Comparison) -> Sequence[Verdict]:
        """Return the verdicts of a cell."""
        verdicts = []
        if name in BETTER:
            inner = DEPTHS[1:-1]
            names = {k: (self._plan[LOWEST, k].name, self._plan[HIGHEST, k].name) for k in inner}
            apart = {k: cell.difference(*pair, len(inner)) for k, pair in names.items()}
            verdicts.append(lowest_or_highest(name, apart))
        if name in ENOUGH:
            few, everything = (self._plan[LOWEST, k].name for k in (ENOUGH[name][0], DEPTHS[-1]))
            verdicts.append(
                enough(name, cell.difference(few, everything), cell.errors[everything], cell.errors[UNTRAINED])
            )
        return verdicts

    def _compared(self, cell: str, results: Mapping[str, Figures]) -> Comparison:
        fits = {
            name: [results[fit_key(cell, self.size, name, seed)] for seed in self.study.drawn] for name in self.plans
        }
        return Comparison(self._read[cell].judged, {UNTRAINED: [results[untrained_key(cell)]], **fits})

    def _curves(self, cell: Comparison) -> Figures:
        """Return the error and its change from training the head alone, by which stages and how many are trained."""
        head = self._plan[LOWEST, 0].name
        return {
            which: [
                {
                    "plan": (plan := self._plan[which, k].name),
                    "trained": list(self.plans[plan].trained),
                    "error": cell.errors[plan].to_dict(),
                    "gained": cell.difference(plan, head).to_dict(),
                }
                for k in DEPTHS
            ]
            for which in (LOWEST, HIGHEST)
        }


BETTER = {
    "sensor": (LOWEST, "Where the sensor differs, retraining the lowest stages is better than as many of the highest"),
    "light": (LOWEST, "Where the light differs, retraining the lowest stages is better than as many of the highest"),
    "task": (HIGHEST, "Where the task differs, retraining the highest stages is better than as many of the lowest"),
}
"""By cell, which stages are said to be the better ones to retrain."""
ENOUGH = {
    "near": (0, "Near what it knows, training the head alone is as good as retraining everything"),
    "sensor": (2, "Where the sensor differs, retraining the two lowest stages is as good as retraining everything"),
    "light": (2, "Where the light differs, retraining the two lowest stages is as good as retraining everything"),
}
"""By cell, how many of the lowest stages are said to be enough."""


def lowest_or_highest(cell: str, differences: Mapping[int, Estimate]) -> Verdict:
    """Judge which stages are the better ones to retrain.

    The claim holds if they are shown to be better at some depth and worse at none; it does not if they are shown to be
    worse at some depth.

    Args:
        differences: number of trained stages -> paired difference of errors, lowest minus highest; their intervals
            hold at once.
    """
    which, claim = BETTER[cell]
    text = "; ".join(f"{k}: {signed(d)}" for k, d in differences.items())
    figures = f"Cell {cell}, errors with the lowest minus those with the highest stages, by their number: {text}."
    wanted, sides = -1 if which == LOWEST else 1, [side(d) for d in differences.values()]
    return Verdict(claim, False if -wanted in sides else True if wanted in sides else None, figures)


def enough(cell: str, difference: Estimate, everything: Estimate, untrained: Estimate) -> Verdict:
    """Judge whether few stages are enough: as good means an error larger by at most CLOSE of the other's.

    Args:
        difference: paired difference of the error with few stages to that with everything trained.
        everything: the latter's error.
        untrained: error of the pretrained policy as it is, told beside them.
    """
    claim, margin = ENOUGH[cell][1], CLOSE * everything.value
    errors = f"everything errs {everything}, nothing trained {untrained}"
    figures = f"Cell {cell}, difference {signed(difference)}; as good means at most {margin:.3f}; {errors}."
    if difference.low is None or difference.high is None:
        return Verdict(claim, None, figures)
    return Verdict(claim, True if difference.high <= margin else False if difference.low > margin else None, figures)
