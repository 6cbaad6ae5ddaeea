"""What came of comparing candidates: their figures side by side, and which of them is to be used."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import plain
from sim2real.statistics.agreement import Agreement, Estimate
from sim2real.transfer.fitting.combine import Combined
from sim2real.transfer.fitting.refit import Refitted
from sim2real.transfer.gate import Decision

SPLIT = "test"
UNVALIDATED = "one episode and no --test: nothing could be held out, so no adaptation is promoted"


@dataclass(frozen=True)
class Comparison:
    """Candidates at one number of frames.

    Attributes:
        frames, episodes: learned from, on average over the seeds.
        estimates: candidate -> metric -> figure with interval, the mean over the seeds.
        predictions: candidate -> (S, n, J) of the judged actions on the test frames, by seed.
        updates: candidate -> update kept, per seed.
    """

    frames: int
    episodes: float
    estimates: dict[str, dict[str, Estimate]]
    predictions: dict[str, np.ndarray]
    updates: dict[str, list[int]]


@dataclass(frozen=True)
class Outcome:
    """What came of a comparison of candidates.

    Attributes:
        policy: the one to use, which is the plan's only if the gate promoted it.
        plan: name of the plan.
        output: the candidate that the policy is.
        decision: of the gate; None where nothing could be held out.
        comparisons: of the seeds, by number of frames; the last is the main one.
        candidates: candidate -> the policy that stands for its seeds, which the gate judged.
        predictions: candidate -> (1, n, J) of that policy on the test frames.
        refitted: the output once more, fitted to the test frames too; None where it is as it was judged.
        agreement: of the test frames.
        smoothing: s to either side over which recorded actions were averaged.
        look: how the recorded camera looks elsewhere than the simulated one, as the plan found it (`Alignment.found`).
        judged: names of the actions by which the candidates are compared.
        each: action -> candidate -> metric, where several are judged together.
        rest: MAE of doing nothing always, which is what any MAE is to be read beside; None where nothing is judged.
    """

    policy: Policy
    plan: str
    output: str
    decision: Decision | None
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
        """Whether the plan's policy is the output because the gate promoted it."""
        return bool(self.decision and self.decision.promoted)

    @property
    def reason(self) -> str:
        """Of the decision, with what it rests on."""
        if self.decision is None or self.agreement is None:
            return UNVALIDATED
        return f"{self.decision.reason}; judged over {self.agreement.units}"

    @property
    def weights(self) -> str:
        """Which weights of its seeds the output has, in words."""
        return self.candidates[self.output].weights

    @property
    def refit_note(self) -> str:
        """What is to be known of an output that learned from the episodes that it was judged by; empty for others."""
        if self.refitted is None:
            return ""
        return (
            f"After the decision the output was fitted again to all {self.refitted.episodes} episodes "
            f"({self.refitted.frames} frames), those that it was judged by included. Figures are those of the weights "
            f"before, which learned from {self.comparisons[-1].episodes:g} episodes and are kept in judged/."
        )

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """Candidate -> metric -> figure of the policy that stands for it."""
        if self.agreement is None:
            return {}
        return {candidate: self.agreement.measure(p) for candidate, p in self.predictions.items()}

    @cached_property
    def by_seed(self) -> dict[str, dict[str, list[float]]]:
        """Candidate -> metric -> value of each seed's policy."""
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
        }

    def _judged_on(self) -> dict[str, Any]:
        if self.agreement is None:
            return {"test_frames": 0, "test_episodes": 0, "judged_on": [], "unit": None}
        episodes = self.agreement.episodes.tolist()
        unit = self.agreement.units.describe()
        return {"test_frames": len(self.agreement), "test_episodes": len(episodes), "judged_on": episodes, "unit": unit}


def _plain(estimates: dict[str, dict[str, Estimate]]) -> dict[str, Any]:
    return {candidate: {SPLIT: plain(figures)} for candidate, figures in estimates.items()}


def _finite(values: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """Put None for NaN, which JSON does not have."""
    return {name: [v if np.isfinite(v) else None for v in each] for name, each in values.items()}
