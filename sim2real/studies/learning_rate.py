"""Learning rate: whether copied weights want a smaller one than training from scratch.

All fits have one recipe, that of the control scratch with the updates of the plan strange-place: everything trained,
no penalty, no simulated frames. They differ in the initial weights, copied or not, and in the learning rate of copied
ones.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim2real.progress import Stages
from sim2real.statistics.agreement import Estimate
from sim2real.studies.cells import make_cells
from sim2real.studies.estimates import side
from sim2real.studies.fits import CLOSE, Comparison, fit_key, fit_measurement, signed, with_updates
from sim2real.studies.measurements import Figures, Measurement
from sim2real.studies.part import Summary, Verdict, left_out
from sim2real.studies.study_config import ALL_SEEDS, StudyConfig
from sim2real.studies.transfer_config import ALL_CELLS, ALL_RATES, ALL_SIZES, RATE_CELLS, RATE_SIZES, RATES, named_sizes
from sim2real.transfer.fitting.plans import TransferPlan, find_plan

SCRATCH, UPDATES_OF = "scratch", "strange-place"
CLAIM = "Copied weights want a smaller learning rate than training from scratch"


def copied_plan(factor: float) -> TransferPlan:
    """Return the recipe with copied weights, and this multiple of the learning rate of training from scratch."""
    recipe = scratch_plan()
    rate = factor * recipe.learning_rate
    return dataclasses.replace(recipe, name=f"copied-{factor:g}", about="", reset=(), learning_rate=rate)


def scratch_plan() -> TransferPlan:
    """Return the recipe from scratch."""
    return dataclasses.replace(find_plan(SCRATCH), updates=find_plan(UPDATES_OF).updates)


class LearningRate:
    """The part learning-rate; see the module's description."""

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        self.study, self.config, self._folder = config, config.transfer, folder
        self.cells = self.config.cells or (ALL_CELLS if config.full else RATE_CELLS)
        self.wanted = self.config.sizes or (ALL_SIZES if config.full else RATE_SIZES)
        self.rates = tuple(sorted(self.config.rates or (ALL_RATES if config.full else RATES), reverse=True))
        self.plans = {rate: with_updates(copied_plan(rate), self.config) for rate in self.rates}
        self._scratch = with_updates(scratch_plan(), self.config)

    def prepare(self, stages: Stages) -> None:
        """Record and read the cells."""
        self._read = make_cells(self.cells, self.study.pretrained, self.config, self._folder, stages)
        self.sizes = {name: cell.sizes(self.wanted) for name, cell in self._read.items()}

    def measurements(self, results: Mapping[str, Figures]) -> Sequence[Measurement]:
        """Return a fit per cell, number of frames, rate and seed, those that take longest first."""
        return [
            fit_measurement(cell, size, plan, seed)
            for name, cell in self._read.items()
            for size in reversed(self.sizes[name])
            for plan in (self._scratch, *self.plans.values())
            for seed in self.study.drawn
        ]

    def summary(self, results: Mapping[str, Figures]) -> Summary:
        """Return the curves, and the verdict."""
        places = [(cell, size) for cell in self.cells for size in self.sizes[cell]]
        compared = {place: self._compared(*place, results) for place in places}
        same = self.plans[1.0].name
        smaller = {
            f"{cell}, {size:,} frames": Smaller(
                each.errors[same],
                {rate: each.difference(self.plans[rate].name, same) for rate in self.rates if rate < 1},
            )
            for (cell, size), each in compared.items()
        }
        figures = {
            "places": [
                {
                    "cell": cell,
                    "frames": size,
                    "scratch": each.errors[SCRATCH].to_dict(),
                    "copied": {f"{rate:g}": each.errors[plan.name].to_dict() for rate, plan in self.plans.items()},
                    "difference": {
                        f"{rate:g}": each.difference(plan.name, same).to_dict() for rate, plan in self.plans.items()
                    },
                }
                for (cell, size), each in compared.items()
            ],
            "learning_rate": self._scratch.learning_rate,
            "seeds": list(self.study.drawn),
            "metric": next(iter(compared.values())).criterion,
            "unit": next(iter(compared.values())).units,
        }
        missing = left_out(
            ("cells", self.cells, ALL_CELLS),
            ("numbers of frames", named_sizes(self.wanted), named_sizes(ALL_SIZES)),
            ("learning rates, as multiples of that from scratch,", self.rates, ALL_RATES),
            ("seeds", self.study.drawn, ALL_SEEDS),
        )
        return Summary((smaller_rate(smaller),), missing, figures)

    def _compared(self, cell: str, size: int, results: Mapping[str, Figures]) -> Comparison:
        names = [self._scratch.name, *(plan.name for plan in self.plans.values())]
        fits = {name: [results[fit_key(cell, size, name, seed)] for seed in self.study.drawn] for name in names}
        return Comparison(self._read[cell].judged, fits)


@dataclasses.dataclass(frozen=True)
class Smaller:
    """Copied weights at smaller rates against the rate of training from scratch, at one place.

    Attributes:
        same: error at the rate of training from scratch.
        differences: smaller rate, as a multiple of that -> paired difference of errors, smaller minus same.
    """

    same: Estimate
    differences: Mapping[float, Estimate]

    @property
    def best(self) -> float:
        """Return the smaller rate with the smallest error."""
        return min(self.differences, key=lambda rate: self.differences[rate].value)

    @property
    def wanted(self) -> bool | None:
        """Return whether a smaller rate is better; None if that is not decided.

        It is, if that with the smallest error is shown to be better. It is not, if the intervals show that none errs
        less by CLOSE of the error.
        """
        if side(self.differences[self.best]) < 0:
            return True
        lows = [each.low for each in self.differences.values()]
        return False if all(low is not None and low > -CLOSE * self.same.value for low in lows) else None


def smaller_rate(places: Mapping[str, Smaller]) -> Verdict:
    """Judge the claim: it holds if a smaller rate is better everywhere, and not if none is somewhere."""
    wanted = [place.wanted for place in places.values()]
    words = {True: "better", False: "no smaller one is", None: "not decided"}
    text = "; ".join(
        f"{name}: {words[place.wanted]} (the best smaller one, {place.best:g} times scratch's: "
        f"{signed(place.differences[place.best])}, from {place.same})"
        for name, place in places.items()
    )
    return Verdict(CLAIM, True if all(wanted) else False if False in wanted else None, f"By cell and frames: {text}.")
