"""Outcome of a comparison of candidates: their figures, and the policy to use."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import plain
from sim2real.statistics.agreement import Agreement, Estimate
from sim2real.transfer.driven import Driven
from sim2real.transfer.fitting.combine import Combined
from sim2real.transfer.fitting.refit import Refitted
from sim2real.transfer.gate import Decision

SPLIT = "test"
UNVALIDATED = "nothing could be held out (a single block, and no --test), so the output was not tested"


@dataclass(frozen=True)
class Comparison:
    """Candidates at one number of frames.

    Attributes:
        frames, episodes: numbers that were learned from, averaged over the seeds.
        estimates: candidate -> metric -> figure with interval, the mean over the seeds.
        predictions: candidate -> (S, n, J) judged actions on the test frames, by seed.
        updates: candidate -> update that was kept, per seed.
    """

    frames: int
    episodes: float
    estimates: dict[str, dict[str, Estimate]]
    predictions: dict[str, np.ndarray]
    updates: dict[str, list[int]]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a comparison of candidates.

    Attributes:
        policy: the policy to use: the plan's only if the gate promoted it, and laps did not overrule it.
        plan: name of the plan.
        output: the candidate of this policy.
        decision: decision of the gate; None without test frames.
        offline: the candidate that offline errors speak for.
        driven: laps of the candidates on a rebuilt track; None: they did not drive.
        comparisons: comparisons over seeds, by number of frames; the last is the main one.
        candidates: candidate -> its combined policy, which the gate judged.
        predictions: candidate -> (1, n, J) judged actions of that policy on the test frames.
        refitted: the output after a further fit to the test frames, too; None without this fit.
        agreement: Agreement for the test frames.
        smoothing: recorded actions were averaged over ± this many seconds.
        look: alignment of the recorded camera found by the plan (`Alignment.in_pixels`).
        judged: names of the judged actions.
        each: action -> candidate -> metric, if several actions are judged together.
        rest: MAE of always predicting 0, for comparison with any MAE; None without test frames.
    """

    policy: Policy
    plan: str
    output: str
    decision: Decision | None
    offline: str
    driven: Driven | None
    comparisons: list[Comparison]
    candidates: dict[str, Combined]
    predictions: dict[str, np.ndarray]
    refitted: Refitted | None
    agreement: Agreement | None
    smoothing: float
    look: dict[str, float]
    judged: tuple[str, ...]
    each: dict[str, dict[str, dict[str, Estimate]]]
    rest: float | None

    @property
    def promoted(self) -> bool:
        """Return whether the plan's policy is the output, and was tested."""
        return self.output == self.plan and not (self.decision is None and self.driven is None)

    @property
    def reason(self) -> str:
        """Return the reason of the decision, with the units it is based on."""
        judged = UNVALIDATED
        if self.decision is not None and self.agreement is not None:
            judged = f"{self.decision.reason}; judged over {self.agreement.units}"
        if self.driven is None:
            return judged
        return f"{self.driven.overruled(self.offline)[1]} on {self.driven.track}. Offline: {judged}"

    @property
    def weights(self) -> str:
        """Return the seeds of the output's weights, in words."""
        return self.candidates[self.output].weights

    @property
    def refit_note(self) -> str:
        """Return a note for an output that was also fitted to the test episodes; empty for others."""
        if self.refitted is None:
            return ""
        return (
            f"After the decision the output was fitted again to all {self.refitted.episodes} episodes "
            f"({self.refitted.frames} frames), including the test episodes. The figures are for the judged weights "
            f"before this, which learned from {self.comparisons[-1].episodes:g} episodes and are kept in judged/."
        )

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """Return candidate -> metric -> figure of its combined policy."""
        if self.agreement is None:
            return {}
        return {candidate: self.agreement.measure(p) for candidate, p in self.predictions.items()}

    @cached_property
    def by_seed(self) -> dict[str, dict[str, list[float]]]:
        """Return candidate -> metric -> values of the seeds."""
        if self.agreement is None:
            return {}
        each = {
            candidate: [self.agreement.measure(p[None]) for p in predictions]
            for candidate, predictions in self.comparisons[-1].predictions.items()
        }
        return {
            candidate: {metric: [seed[metric].value for seed in seeds] for metric in seeds[0]}
            for candidate, seeds in each.items()
        }

    def metrics(self) -> dict[str, Any]:
        """Return the figures for `metrics.json`."""
        main, refitted, decision = self.comparisons[-1], self.refitted, self.decision
        curve = {str(c.frames): _plain(c.estimates) for c in self.comparisons} if len(self.comparisons) > 1 else {}
        return {
            "plan": self.plan,
            "promoted": self.promoted,
            "output": self.output,
            "offline": self.offline,
            "reason": self.reason,
            "frames": main.frames,
            "episodes": main.episodes,
            **self._judged_on(),
            "judged": list(self.judged),
            "smoothing": self.smoothing,
            "mae_of_doing_nothing": self.rest,
            "refitted": {"frames": refitted.frames, "episodes": refitted.episodes} if refitted else None,
            "weights": self.weights,
            "candidates": {
                name: figures | {"weights": self.candidates[name].weights, "seeds": _finite(self.by_seed[name])}
                for name, figures in _plain(self.estimates).items()
            },
            "actions": {name: _plain(estimates) for name, estimates in self.each.items()},
            "updates": main.updates,
            "align": self.look,
            "against": {name: d.to_dict() for name, d in decision.against.items()} if decision else {},
            "against_gain_free": {name: d.to_dict() for name, d in decision.seeing.items()} if decision else {},
            "curve": curve,
            **({"laps": self.driven.metrics()} if self.driven else {}),
        }

    def _judged_on(self) -> dict[str, Any]:
        if self.agreement is None:
            return {"test_frames": 0, "test_episodes": 0, "judged_on": [], "unit": None, "criterion": None}
        episodes = self.agreement.episodes.tolist()
        unit = self.agreement.units.describe()
        counts = {"test_frames": len(self.agreement), "test_episodes": len(episodes)}
        return {**counts, "judged_on": episodes, "unit": unit, "criterion": self.agreement.criterion}


def _plain(estimates: dict[str, dict[str, Estimate]]) -> dict[str, Any]:
    return {candidate: {SPLIT: plain(figures)} for candidate, figures in estimates.items()}


def _finite(values: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """Replace NaN, which JSON does not have, by None."""
    return {name: [v if np.isfinite(v) else None for v in each] for name, each in values.items()}
