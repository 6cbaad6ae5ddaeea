"""One fit of the parts on transfer, and how fits are compared on the judged frames."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial

import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import Progress
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import Estimate
from sim2real.studies.cells import Cell
from sim2real.studies.measurements import Figures, Measurement
from sim2real.studies.transfer_config import TransferConfig
from sim2real.transfer.fitting.learn import learn
from sim2real.transfer.fitting.plans import TransferPlan

UNTRAINED = "zero-shot"
DIGITS = 5  # of predicted actions, which are in [-1, 1]
CLOSE = 0.05  # share of an error within which another one is as good


def fit_key(cell: str, size: int, plan: str, seed: int) -> str:
    """Return the key of a fit."""
    return f"{cell}-{size}-{plan}-{seed}"


def fit_measurement(cell: Cell, size: int, plan: TransferPlan, seed: int) -> Measurement:
    """Return a fit, whose figures are its predictions on the judged frames."""
    return Measurement(fit_key(cell.name, size, plan.name, seed), partial(_fit, cell, size, plan, seed))


def _fit(cell: Cell, size: int, plan: TransferPlan, seed: int, progress: Progress) -> Figures:
    fitted = learn(cell.limited(size, seed), plan, seed, progress)
    return {"predicted": predictions(fitted.policy, cell.judged), "update": fitted.update, "steps": fitted.steps}


def untrained_key(cell: str) -> str:
    """Return the key of the pretrained policy as it is."""
    return f"{cell}-{UNTRAINED}"


def untrained_measurement(cell: Cell) -> Measurement:
    """Return the predictions of the pretrained policy, as those of a fit."""

    def predict(_: Progress) -> Figures:
        return {"predicted": predictions(cell.material.policy, cell.judged)}

    return Measurement(untrained_key(cell.name), predict)


def predictions(policy: Policy, judged: Frames) -> list[list[float]]:
    """Return the judged actions (n, J) for JSON; of a fit that diverged 0, as from a policy that sees nothing."""
    return np.nan_to_num(predict_judged(policy, judged), nan=0.0).round(DIGITS).tolist()


def with_updates(plan: TransferPlan, config: TransferConfig) -> TransferPlan:
    """Return the plan with the study's number of updates, if it has one."""
    return plan if config.updates is None else dataclasses.replace(plan, updates=config.updates)


class Comparison:
    """Candidates on the same judged frames: errors over sessions and seeds, and their paired differences.

    Args:
        judged: the frames.
        results: candidate -> figures of its fits, by seed; "predicted" as `predictions` returns them.
    """

    def __init__(self, judged: Frames, results: Mapping[str, Sequence[Figures]]) -> None:
        self._agreement = agreement_on(judged)
        self._predicted = {
            name: np.array([each["predicted"] for each in seeds], np.float32) for name, seeds in results.items()
        }
        self.criterion = judged.criterion

    @property
    def units(self) -> str:
        """Return the number and kind of units, in words."""
        return self._agreement.units.called("held-out")

    @cached_property
    def errors(self) -> dict[str, Estimate]:
        """Return the error of each candidate."""
        return self.measured(self.criterion)

    def measured(self, metric: str) -> dict[str, Estimate]:
        """Return a metric of each candidate."""
        return {name: self._agreement.measure(p, [metric])[metric] for name, p in self._predicted.items()}

    def difference(self, first: str, second: str, comparisons: int = 1) -> Estimate:
        """Return the paired difference of the errors; below 0: the first is better.

        Args:
            comparisons: number of differences whose intervals shall hold at once.
        """
        predicted = self._predicted[first], self._predicted[second]
        return self._agreement.difference(*predicted, self.criterion, comparisons)

    def against(self, first: str, others: Iterable[str]) -> dict[str, Estimate]:
        """Return the differences to others, by name; all their intervals hold at once."""
        names = [name for name in others if name != first]
        return {name: self.difference(first, name, len(names)) for name in names}


def signed(difference: Estimate) -> str:
    """Return a difference in words: `-0.012 [-0.015, -0.009]`."""
    interval = "" if difference.low is None else f" [{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"{difference.value:+.3f}{interval}"
