"""The gate: held-out recordings confirm the candidate that was chosen on the learning frames, or overrule it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from sim2real.statistics.agreement import METRIC_NAMES, Agreement, Estimate, gain_free
from sim2real.transfer.expectation import OTHER_DAYS, OTHER_DRIVES, measured

ROUNDING = 1e-6  # differences below this are rounding errors, as between scaled predictions of one policy
CALLED = {"gain": "zero-shot + gain"}


@dataclass(frozen=True)
class Decision:
    """The decision of the gate.

    Attributes:
        promoted: whether the plan's policy is used.
        candidate: the candidate to use.
        confirmed: whether it is significantly better than the reference on the held-out frames.
        reason: one sentence.
        against: candidate -> paired difference of the criterion over units, plan minus candidate; below 0: the plan is
            better.
        seeing: candidate -> the same for the gain-free error.
    """

    promoted: bool
    candidate: str
    confirmed: bool
    reason: str
    against: dict[str, Estimate]
    seeing: dict[str, Estimate]


def unjudged(criterion: str) -> str:
    """Return the reference, which plans must beat: zero-shot, with the gain if drivers have individual scales.

    Args:
        criterion: the metric by which candidates are compared.
    """
    return "gain" if gain_free(criterion) else "zero-shot"


def decide(
    agreement: Agreement,
    predictions: dict[str, np.ndarray],
    plan: str,
    chosen: str | None = None,
    barred: Collection[str] = (),
) -> Decision:
    """Hand out the candidate that was chosen, unless held-out frames show that another one is better.

    What counts is the 95 % interval of a paired difference over independent units, which is wide for few of them
    (Student's t): a candidate is overruled only beyond doubt. If drivers have individual scales, candidates are
    compared by the error after the best gain of each, which measures perception; a candidate whose plain error is
    larger than that of zero-shot + gain is overruled, too. With known units one must have the smaller error both plain
    and gain-free: smaller motions alone reduce the plain error (regression to the mean) without better perception, and
    fail at the task. There a gain alone is never handed out, and a plan only if held-out frames confirm it, or if it
    was chosen and they lead to expect that both errors are smaller.

    Args:
        predictions: predictions of "zero-shot", "gain", "scratch" and the plan, for `Agreement.measure`.
        chosen: the candidate that the learning frames speak for; None: the reference, so that a plan must prove itself.
        barred: candidates that overrule nothing, as their errors do not tell how they act.
    """
    test = _Test(agreement, predictions, barred)
    chosen = test.reference if chosen is None else chosen
    candidate, reason = test.overruled(chosen)
    if candidate == "gain" and not test.below("gain", "zero-shot", test.plain):
        candidate = "zero-shot"
    others = [name for name in predictions if name != plan]
    return Decision(
        promoted=candidate == plan,
        candidate=candidate,
        confirmed=candidate != test.reference and test.better(candidate, test.reference),
        reason=reason,
        against={name: test.difference(plan, name, agreement.criterion) for name in others},
        seeing={name: test.difference(plan, name, test.clear) for name in others},
    )


class _Test:
    """Paired comparisons of candidates on held-out frames."""

    def __init__(self, agreement: Agreement, predictions: dict[str, np.ndarray], barred: Collection[str]) -> None:
        self._agreement, self._predictions, self._barred = agreement, predictions, barred
        self.own_scale, self.reference = gain_free(agreement.criterion), unjudged(agreement.criterion)
        self.plain = agreement.criterion.removeprefix("gain_free_")
        self.clear = f"gain_free_{self.plain}"
        self._elsewhere = OTHER_DAYS if agreement.units.blocks is None else OTHER_DRIVES
        self.metrics = (self.clear,) if self.own_scale else (self.plain, self.clear)

    def difference(self, first: str, second: str, metric: str) -> Estimate:
        """Return the difference of a metric; below 0: the first is better."""
        return self._agreement.difference(self._predictions[first], self._predictions[second], metric)

    def below(self, first: str, second: str, metric: str) -> bool:
        """Tell whether the first has the smaller error beyond doubt."""
        high = self.difference(first, second, metric).high
        return high is not None and high < -ROUNDING

    def better(self, first: str, second: str) -> bool:
        """Tell whether the first is better beyond doubt by every metric that counts."""
        return all(self.below(first, second, metric) for metric in self.metrics)

    def overruled(self, chosen: str) -> tuple[str, str]:
        """Return the candidate to use, and why."""
        others = [name for name in self._predictions if name != chosen and name not in self._barred]
        rivals = [name for name in others if self.own_scale or name != "gain"]
        winners = [name for name in rivals if self._valid(name) and self.better(name, chosen)]
        if winners:
            best = min(winners, key=lambda name: self._error(name))
            return best, f"{_called(best)} is better than {_called(chosen)} ({self._measured(best, chosen)})"
        if chosen == self.reference:
            best = self._best_rival(chosen, rivals)
            return chosen, f"no candidate is shown to be better than {_called(chosen)}{best}"
        if not self._valid(chosen):
            figures = self._measured(chosen, self.reference, (self.plain, *self.metrics))
            return self.reference, f"{chosen} is worse than {_called(self.reference)} ({figures})"
        figures = self._measured(chosen, self.reference)
        if self.better(chosen, self.reference):
            return chosen, f"{chosen} is better than {_called(self.reference)} ({figures})"
        if self.own_scale:
            return chosen, f"{chosen} is not shown to be better or worse than {_called(self.reference)} ({figures})"
        if self.expected_better(chosen):
            return chosen, f"{chosen} has a smaller expected error than {_called(self.reference)} ({figures})"
        return self.reference, f"{chosen} is not expected to be better than {_called(self.reference)} ({figures})"

    def expected_better(self, name: str) -> bool:
        """Return whether a candidate's expected error is smaller than the reference's by every metric that counts.

        A wide interval counts against it: the mean of a log-normal ratio grows with its spread.
        """
        own, other = (self._agreement.measure(self._predictions[k], self.metrics) for k in (name, self.reference))
        ratios = [
            measured(own[metric], other[metric], self.difference(name, self.reference, metric), self._elsewhere)
            for metric in self.metrics
        ]
        return all(ratio is not None and ratio.loss < 1 for ratio in ratios)

    def _valid(self, name: str) -> bool:
        """Tell whether a candidate is worse than the reference by no metric, its scale included."""
        return not any(self.below(self.reference, name, metric) for metric in {self.plain, *self.metrics})

    def _error(self, name: str) -> float:
        return self._agreement.measure(self._predictions[name])[self._agreement.criterion].value

    def _measured(self, first: str, second: str, metrics: Iterable[str] = ()) -> str:
        names = dict.fromkeys(metrics or self.metrics)
        return "; ".join(
            f"{METRIC_NAMES[metric]}, difference {self.difference(first, second, metric)}" for metric in names
        )

    def _best_rival(self, chosen: str, rivals: list[str]) -> str:
        if not rivals:
            return ""
        best = min(rivals, key=lambda name: self._error(name))
        return f" ({best}: {self._measured(best, chosen)})"


def _called(name: str) -> str:
    return CALLED.get(name, name)
