"""Data size and similarity: which plan wins at how many frames, and whether `probe` and `auto` say so.

In every cell (`sim2real.studies.cells`) and at every number of frames, all plans are fitted with every seed, each with
its own choice of frames, as by `adapt`; `probe` and `auto` see the frames that are learned from, and no others.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from sim2real.progress import Progress, Stages
from sim2real.studies.cells import Cell, make_cells
from sim2real.studies.fits import (
    UNTRAINED,
    Comparison,
    fit_key,
    fit_measurement,
    untrained_key,
    untrained_measurement,
    with_updates,
)
from sim2real.studies.measurements import Figures, Measurement
from sim2real.studies.part import Summary, left_out
from sim2real.studies.similarity_verdicts import Place, named, textbook
from sim2real.studies.study_config import ALL_SEEDS, StudyConfig
from sim2real.studies.transfer_config import ALL_CELLS, ALL_SIZES, CELLS, PLANS, SIZES, named_sizes
from sim2real.transfer.choose import AUTO, choose
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.shift import measure_shift

GAIN = "gain"


class SimilaritySize:
    """The part similarity-size; see the module's description."""

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        self.study, self.config, self._folder = config, config.transfer, folder
        self.cells = self.config.cells or (ALL_CELLS if config.full else CELLS)
        self.wanted = self.config.sizes or (ALL_SIZES if config.full else SIZES)
        self.compared = tuple(name for name in PLANS if name in (*self.config.plans, *AUTO))
        self.plans = [with_updates(find_plan(name), self.config) for name in (GAIN, *self.compared)]
        count = self.config.choices or (len(config.drawn) if config.full else 1)
        self.choices = config.drawn[:count]

    def prepare(self, stages: Stages) -> None:
        """Record and read the cells."""
        self._read = make_cells(self.cells, self.study.pretrained, self.config, self._folder, stages)
        self.sizes = {name: cell.sizes(self.wanted) for name, cell in self._read.items()}
        self.places = sum(map(len, self.sizes.values()))

    def measurements(self, results: Mapping[str, Figures]) -> Sequence[Measurement]:
        """Return zero-shot, the choices and all fits, those that take longest first."""
        places = [(cell, size) for name, cell in self._read.items() for size in reversed(self.sizes[name])]
        chosen = [
            Measurement(_choice_key(cell.name, size, seed), partial(self._choose, cell, size, seed))
            for cell, size in places
            for seed in self.choices
        ]
        fits = [
            fit_measurement(cell, size, plan, seed)
            for cell, size in places
            for plan in reversed(self.plans)
            for seed in self.study.drawn
        ]
        return [*chosen, *fits, *map(untrained_measurement, self._read.values())]

    def _choose(self, cell: Cell, size: int, seed: int, progress: Progress) -> Figures:
        """Return what `probe` recommends and `auto` chooses on the frames to learn from."""
        material = cell.limited(size, seed)
        assert material.simulated is not None
        shift = measure_shift(material.policy, material.frames, material.simulated)
        plans = {name: with_updates(find_plan(name), self.config) for name in AUTO}
        # Nothing of a choice is kept but its result: weights that one thread reads and another draws at once would
        # depend on the order.
        with tempfile.TemporaryDirectory() as folder:
            choice = choose(material, plans, Path(folder), seed, progress)
        return {
            "probe": shift.recommended,
            "auto": choice.candidate,
            "correlation": shift.zero_shot["correlation"].value,
            "shift": shift.shift,
            "usual": shift.usual,
            "expected": {name: expectation.to_dict() for name, expectation in choice.expected.items()},
        }

    def summary(self, results: Mapping[str, Figures]) -> Summary:
        """Return the errors of all candidates in all cells, and the verdicts."""
        places = [self._place(cell, size, results) for cell in self.cells for size in self.sizes[cell]]
        verdicts = [*textbook(places), *(named(adviser, places) for adviser in ("probe", "auto"))]
        figures = {
            "places": [place.to_dict() for place in places],
            "plans": {plan.name: plan.about for plan in self.plans},
            "seeds": list(self.study.drawn),
            "choices": list(self.choices),
            "metric": places[0].metric,
            "unit": places[0].unit,
        }
        missing = left_out(
            ("cells", self.cells, ALL_CELLS),
            ("numbers of frames", named_sizes(self.wanted), named_sizes(ALL_SIZES)),
            ("plans", self.compared, PLANS),
            ("seeds", self.study.drawn, ALL_SEEDS),
            ("choices of `auto` with seeds", self.choices, ALL_SEEDS),
        )
        return Summary(tuple(verdicts), missing, figures)

    def _place(self, cell: str, size: int, results: Mapping[str, Figures]) -> Place:
        seeds, judged = self.study.drawn, self._read[cell].judged
        fits = {plan.name: [results[fit_key(cell, size, plan.name, seed)] for seed in seeds] for plan in self.plans}
        comparison = Comparison(judged, {UNTRAINED: [results[untrained_key(cell)]], **fits})
        errors = comparison.errors
        best = min(fits, key=lambda name: errors[name].value)  # gain-free, zero-shot and its gain are one candidate
        choices = [results[_choice_key(cell, size, seed)] for seed in self.choices]
        return Place(
            cell=cell,
            frames=size,
            everything=size == len(self._read[cell].material.frames),
            errors=errors,
            plain=comparison.measured(comparison.criterion.removeprefix("gain_free_")),
            best=best,
            behind={name: comparison.difference(name, best, self.places) for name in fits if name != best},
            pairs={name: comparison.against(name, fits) for name in fits},
            advice={adviser: tuple(each[adviser] for each in choices) for adviser in ("probe", "auto")},
            correlation=float(choices[0]["correlation"]),
            shift={stage: each / choices[0]["usual"][stage] for stage, each in choices[0]["shift"].items()},
            steps={name: int(seeds[0]["steps"]) for name, seeds in fits.items()},
            metric=comparison.criterion,
            unit=comparison.units,
        )


def _choice_key(cell: str, size: int, seed: int) -> str:
    return f"{cell}-{size}-choice-{seed}"
