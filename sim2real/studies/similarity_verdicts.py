"""What follows from errors at all places (cells and numbers of frames): the textbook's rules, and the advice given."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.studies.estimates import side
from sim2real.studies.fits import CLOSE, signed
from sim2real.studies.part import Verdict

FEW, MANY = 100, 1000
"""Most frames that are called few, and fewest that are called many."""
CONTROLS = ("gain", "scratch")
RULES = (
    ("With few frames near what it knows, the plan that trains the head alone is among the best", "near", "few",
     "feature-extraction"),
    ("With many frames near what it knows, the plan that fine-tunes everything is among the best", "near", "many",
     "full"),
    ("With few frames of another sensor, the plan that retrains the lowest stages is among the best", "sensor", "few",
     "sensor-shift"),
    ("With many frames of another sensor, the plan that retrains the lowest stages is among the best", "sensor", "many",
     "sensor-shift"),
    ("With few frames of another scene, the plan that keeps low stages and trains the rest anew is among the best",
     "task", "few", "generic-features"),
    ("With many frames of another scene, training from scratch is among the best", "task", "many", "scratch"),
)  # fmt: skip
"""The textbook's rules, as claim, cell, number of frames and plan."""
ADVICE = {
    "probe": "What `probe` recommends without training is as good as the best",
    "auto": "What `auto` chooses by cross-validation is as good as the best",
}


@dataclass(frozen=True)
class Place:
    """One cell at one number of frames.

    Attributes:
        cell, frames: the cell, and the number of frames learned from.
        everything: whether these are all frames.
        errors: candidate -> error of the criterion over held-out sessions and seeds.
        plain: the same without a gain.
        best: the fitted candidate with the smallest error.
        behind: candidate -> paired difference of its error to the best one's; intervals hold at all places at once.
        pairs: candidate -> other candidate -> paired difference, candidate minus other; all others' hold at once.
        advice: probe, auto -> the candidates that they named, by seed of the frames.
        correlation: of zero-shot with the recorded actions that are learned from.
        shift: stage -> shift of its features from simulation, as a multiple of that between two halves of simulation.
        steps: plan -> gradient steps that it takes with so many frames.
        metric, unit: the criterion, and the units of the intervals.
    """

    cell: str
    frames: int
    everything: bool
    errors: Mapping[str, Estimate]
    plain: Mapping[str, Estimate]
    best: str
    behind: Mapping[str, Estimate]
    pairs: Mapping[str, Mapping[str, Estimate]]
    advice: Mapping[str, tuple[str, ...]]
    correlation: float
    shift: Mapping[str, float]
    steps: Mapping[str, int]
    metric: str
    unit: str

    @property
    def name(self) -> str:
        """Return the place in words."""
        return f"{self.cell}, {self.frames:,} frames" + (" (all)" if self.everything else "")

    def regret(self, adviser: str) -> float:
        """Return by what share the errors of the candidates that were named exceed the best one's, on average."""
        return float(np.mean([self.errors[name].value for name in self.advice[adviser]])) / self._least - 1

    @property
    def _least(self) -> float:
        return max(self.errors[self.best].value, 1e-9)

    def behind_by(self, name: str) -> Estimate:
        """Return the difference of a candidate's error to the best one's."""
        return self.behind[name] if name != self.best else Estimate(0.0, 0.0, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON, with the candidates that are not shown to be worse than the best, and regrets."""
        ties = [name for name, difference in self.behind.items() if side(difference) < 1]
        regrets = {adviser: self.regret(adviser) for adviser in self.advice}
        return dataclasses.asdict(self) | {"name": self.name, "ties": ties, "regret": regrets}


def textbook(places: Sequence[Place]) -> list[Verdict]:
    """Judge the textbook's rules; those whose cell, number of frames or plan was not measured are left out."""
    verdicts = []
    for claim, cell, count, plan in RULES:
        here = [each for each in places if each.cell == cell and plan in each.pairs]
        few = min((each for each in here if each.frames <= FEW), key=_frames, default=None)
        many = max((each for each in here if each.frames >= MANY), key=_frames, default=None)
        if (place := few if count == "few" else many) is not None:
            verdicts.append(best_here(claim, plan, place))
    return verdicts


def _frames(place: Place) -> int:
    return place.frames


def best_here(claim: str, plan: str, place: Place) -> Verdict:
    """Judge whether a plan is among the best at a place.

    It is not, if another candidate is shown to be better. It is, if none is and it is shown to be better than the
    controls (zero-shot with its gain, and scratch). Otherwise it is not decided. The intervals hold at once.
    """
    differences = place.pairs[plan]
    better = {name: d for name, d in differences.items() if side(d) > 0}
    own = f"Cell {place.name}: {plan} errs {place.errors[plan]}"
    if better:
        name = max(better, key=lambda each: better[each].value)
        others = f" and {len(better) - 1} more" if len(better) > 1 else ""
        least = f"{name} {place.errors[name]}, difference {signed(better[name])}"
        return Verdict(claim, False, f"{own}, and is shown to be worse than {name}{others} ({least}).")
    controls = [name for name in CONTROLS if name in differences]
    beaten = all(side(differences[name]) < 0 for name in controls)
    against = ", ".join(f"{name} {signed(differences[name])}" for name in controls)
    least = "the least of all" if plan == place.best else f"{place.best} {place.errors[place.best]}"
    near = [name for name, d in differences.items() if side(d) == 0]
    apart = f"; that it is better than {', '.join(near)} is not shown" if near else ""
    return Verdict(claim, True if beaten else None, f"{own}, {least}; difference to {against}{apart}.")


def named(adviser: str, places: Sequence[Place]) -> Verdict:
    """Judge whether what `probe` or `auto` names is as good as the best, everywhere.

    It is not, if it is somewhere shown to err more than the best in hindsight by CLOSE of its error. It is, if it is
    everywhere shown not to. The best in hindsight is so partly by chance: regrets are upper bounds.
    """
    pairs = [(place, name) for place in places for name in place.advice[adviser]]
    worse, unsure = {}, []
    for place, name in pairs:
        behind, margin = place.behind_by(name), CLOSE * place.errors[place.best].value
        if behind.low is not None and behind.low > margin:
            worse[place.name] = name
        if behind.high is None or behind.high > margin:
            unsure.append(place.name)
    exact = sum(name == place.best for place, name in pairs)
    regrets = {place.name: place.regret(adviser) for place in places}
    mean, worst = float(np.mean(list(regrets.values()))), max(regrets, key=lambda name: regrets[name])
    shown = (
        f"; by more than {100 * CLOSE:.0f} % they are shown to at "
        + ", ".join(f"{at} ({name})" for at, name in worse.items())
        if worse
        else ""
    )
    text = (
        f"It names the best at {exact} of {len(pairs)}; errors exceed the best one's by {100 * mean:.0f} % on average, "
        f"at most by {100 * regrets[worst]:.0f} % ({worst}){shown}."
    )
    return Verdict(ADVICE[adviser], False if worse else None if unsure else True, text)
