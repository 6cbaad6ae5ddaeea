"""Learning rate: whether copied weights want a smaller one than training from scratch.

All fits have one recipe (`sim2real.studies.recipe`): everything trained with the same updates, from copied weights or
from scratch, both at every rate of one grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from sim2real.studies.recipe import copied_plan, scratch_plan
from sim2real.studies.study_config import ALL_SEEDS, StudyConfig
from sim2real.studies.transfer_config import ALL_CELLS, ALL_RATES, ALL_SIZES, RATE_CELLS, RATE_SIZES, RATES, named_sizes

CLAIM = "Copied weights want a smaller learning rate than training from scratch"


class LearningRate:
    """The part learning-rate; see the module's description."""

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        self.study, self.config, self._folder = config, config.transfer, folder
        self.cells = self.config.cells or (ALL_CELLS if config.full else RATE_CELLS)
        self.wanted = self.config.sizes or (ALL_SIZES if config.full else RATE_SIZES)
        self.rates = tuple(sorted(self.config.rates or (ALL_RATES if config.full else RATES), reverse=True))
        self._copied = {rate: with_updates(copied_plan(rate), self.config) for rate in self.rates}
        self._scratch = {rate: with_updates(scratch_plan(rate), self.config) for rate in self.rates}

    def prepare(self, stages: Stages) -> None:
        """Record and read the cells."""
        self._read = make_cells(self.cells, self.study.pretrained, self.config, self._folder, stages)
        self.sizes = {name: cell.sizes(self.wanted) for name, cell in self._read.items()}

    def measurements(self, results: Mapping[str, Figures]) -> Sequence[Measurement]:
        """Return two fits per cell, number of frames, rate and seed, those with most frames first."""
        fits = [
            fit_measurement(cell, size, plan, seed)
            for name, cell in self._read.items()
            for size in reversed(self.sizes[name])
            for plan in (*self._scratch.values(), *self._copied.values())
            for seed in self.study.drawn
        ]
        return [*fits, *map(untrained_measurement, self._read.values())]

    def summary(self, results: Mapping[str, Figures]) -> Summary:
        """Return the curves, and the verdict."""
        places = [(cell, size) for cell in self.cells for size in self.sizes[cell]]
        compared = {place: self._compared(*place, results) for place in places}
        curves = {place: self._curves(each) for place, each in compared.items()}
        figures = {
            "places": [{"cell": cell, "frames": size, **curves[cell, size].to_dict()} for cell, size in places],
            "learning_rate": scratch_plan().learning_rate,
            "seeds": list(self.study.drawn),
            "metric": next(iter(compared.values())).criterion,
            "unit": next(iter(compared.values())).units,
        }
        missing = left_out(
            ("cells", self.cells, ALL_CELLS),
            ("numbers of frames", named_sizes(self.wanted), named_sizes(ALL_SIZES)),
            ("learning rates, as multiples of that of the plan scratch,", self.rates, ALL_RATES),
            ("seeds", self.study.drawn, ALL_SEEDS),
        )
        named = {f"{cell}, {size:,} frames": each for (cell, size), each in curves.items()}
        return Summary((smaller_rate(named),), missing, figures)

    def _compared(self, cell: str, size: int, results: Mapping[str, Figures]) -> Comparison:
        names = [plan.name for plans in (self._scratch, self._copied) for plan in plans.values()]
        fits = {name: [results[fit_key(cell, size, name, seed)] for seed in self.study.drawn] for name in names}
        return Comparison(self._read[cell].judged, {UNTRAINED: [results[untrained_key(cell)]], **fits})

    def _curves(self, each: Comparison) -> "Curves":
        scratch, copied = (
            {rate: each.errors[plan.name] for rate, plan in plans.items()} for plans in (self._scratch, self._copied)
        )
        best = min(scratch, key=lambda rate: scratch[rate].value)
        smaller = [rate for rate in self.rates if rate < best]
        same = self._copied[best].name
        differences = {rate: each.difference(self._copied[rate].name, same, len(smaller)) for rate in smaller}
        return Curves(scratch, copied, each.errors[UNTRAINED], differences)


@dataclass(frozen=True)
class Curves:
    """Errors by learning rate at one place; rates are multiples of that of the plan scratch.

    Attributes:
        scratch, copied: rate -> error.
        untrained: error of the copied weights as they are.
        differences: rate below the best one from scratch -> paired difference of the errors of copied weights at this
            rate and at the best one from scratch; their intervals hold at once.
    """

    scratch: Mapping[float, Estimate]
    copied: Mapping[float, Estimate]
    untrained: Estimate
    differences: Mapping[float, Estimate]

    @property
    def best(self) -> float:
        """Return the rate with the smallest error from scratch, in hindsight."""
        return min(self.scratch, key=lambda rate: self.scratch[rate].value)

    @property
    def smaller_wanted(self) -> bool | None:
        """Return whether copied weights want a smaller rate; None if that is not decided.

        They do, if a smaller one is shown to be better. They do not, if the intervals show that none errs less by CLOSE
        of the error. It cannot be decided if scratch wants the smallest rate of the grid.
        """
        if any(side(each) < 0 for each in self.differences.values()):
            return True
        margin = CLOSE * self.copied[self.best].value
        known = all(each.low is not None and each.low > -margin for each in self.differences.values())
        return False if known and self.differences else None

    def to_dict(self) -> Figures:
        """Return everything as JSON."""
        curves = {"scratch": self.scratch, "copied": self.copied, "difference": self.differences}
        plain = {name: {f"{rate:g}": each.to_dict() for rate, each in curve.items()} for name, curve in curves.items()}
        return plain | {"untrained": self.untrained.to_dict(), "best_of_scratch": self.best}

    def __str__(self) -> str:
        own = min(self.copied, key=lambda rate: self.copied[rate].value)
        text = f"from scratch {self._told(self.best)} is best ({self.scratch[self.best]})"
        text += f", copied {self._told(own)} ({self.copied[own]}"
        text += f", difference {signed(self.differences[own])}" if own in self.differences else ""
        return f"{text}; untrained {self.untrained})"

    def _told(self, rate: float) -> str:
        edge = rate in (min(self.copied), max(self.copied))
        return f"{rate:g} times" + (", the edge of the grid," if edge else "")


def smaller_rate(places: Mapping[str, Curves]) -> Verdict:
    """Judge the claim: it holds if a smaller rate is better everywhere, and not if none is somewhere."""
    wanted = [place.smaller_wanted for place in places.values()]
    words = {True: "smaller", False: "no smaller one", None: "not decided"}
    text = "; ".join(f"{name}: {words[each.smaller_wanted]}, {each}" for name, each in places.items())
    return Verdict(CLAIM, True if all(wanted) else False if False in wanted else None, f"By cell and frames: {text}.")
