"""What came of an adaptation: its arms side by side, and which of them is to be used."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import plain
from sim2real.statistics.agreement import Agreement, Estimate
from sim2real.transfer.combine import Combined
from sim2real.transfer.gate import Verdict
from sim2real.transfer.refit import Refitted

SPLIT = "test"
UNVALIDATED = "one episode and no --test: nothing could be held out, so no adaptation is promoted"


@dataclass(frozen=True)
class Comparison:
    """Arms at one number of frames.

    Attributes:
        frames, episodes: learned from, on average over the seeds.
        estimates: arm -> metric -> figure with interval, the mean over the seeds.
        predictions: arm -> (S, n, J) of the judged actions on the test frames, by seed.
        updates: arm -> update kept, per seed.
    """

    frames: int
    episodes: float
    estimates: dict[str, dict[str, Estimate]]
    predictions: dict[str, np.ndarray]
    updates: dict[str, list[int]]


@dataclass(frozen=True)
class Adapted:
    """What came of it.

    Attributes:
        policy: the one to use, which is the plan's only if the gate promoted it.
        plan: name of the plan.
        output: the arm that the policy is.
        verdict: of the gate; None where nothing could be held out.
        comparisons: of the seeds, by number of frames; the last is the main one.
        candidates: arm -> the policy that stands for its seeds, which the gate judged.
        predictions: arm -> (1, n, J) of that policy on the test frames.
        refitted: the output once more, fitted to the test frames too; None where it is as it was judged.
        agreement: of the test frames.
        smoothing: s to either side over which recorded actions were averaged.
        look: how the recorded camera looks elsewhere than the simulated one, as the plan found it (`Alignment.found`).
        judged: names of the actions by which the arms are compared.
        each: action -> arm -> metric, where several are judged together.
        rest: MAE of doing nothing always, which is what any MAE is to be read beside; None where nothing is judged.
    """

    policy: Policy
    plan: str
    output: str
    verdict: Verdict | None
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
    def reason(self) -> str:
        """Of the verdict, with what it rests on."""
        if self.verdict is None or self.agreement is None:
            return UNVALIDATED
        return f"{self.verdict.reason}; judged over {self.agreement.units}"

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """Arm -> metric -> figure of the policy that stands for it."""
        return {arm: self.agreement.measure(p) for arm, p in self.predictions.items()} if self.agreement else {}

    @cached_property
    def by_seed(self) -> dict[str, dict[str, list[float]]]:
        """Arm -> metric -> value of each seed's policy."""
        if self.agreement is None:
            return {}
        each = {
            arm: [self.agreement.measure(p[None]) for p in predictions]
            for arm, predictions in self.comparisons[-1].predictions.items()
        }
        return {
            arm: {metric: [seed[metric].value for seed in seeds] for metric in seeds[0]} for arm, seeds in each.items()
        }

    def metrics(self) -> dict[str, Any]:
        """For `metrics.json`."""
        main, again = self.comparisons[-1], self.refitted
        return {
            "plan": self.plan,
            "promoted": bool(self.verdict and self.verdict.promoted),
            "output": self.output,
            "reason": self.reason,
            "frames": main.frames,
            "episodes": main.episodes,
            "test_frames": len(self.agreement) if self.agreement else 0,
            "test_episodes": len(self.agreement.episodes) if self.agreement else 0,
            "judged_on": self.agreement.episodes.tolist() if self.agreement else [],
            "unit": self.agreement.units.describe() if self.agreement else None,
            "judged": list(self.judged),
            "smoothing": self.smoothing,
            "mae_of_doing_nothing": self.rest,
            "refitted": {"frames": again.frames, "episodes": again.episodes} if again else None,
            "weights": self.candidates[self.output].weights,
            "arms": {
                arm: of | {"weights": self.candidates[arm].weights, "seeds": _finite(self.by_seed[arm])}
                for arm, of in _arms(self.estimates).items()
            },
            "actions": {name: _arms(estimates) for name, estimates in self.each.items()},
            "updates": main.updates,
            "align": self.look,
            "against": {arm: d.to_dict() for arm, d in self.verdict.against.items()} if self.verdict else {},
            "against_gain_free": {arm: d.to_dict() for arm, d in self.verdict.seeing.items()} if self.verdict else {},
            "curve": {str(c.frames): _arms(c.estimates) for c in self.comparisons} if len(self.comparisons) > 1 else {},
        }


def _arms(estimates: dict[str, dict[str, Estimate]]) -> dict[str, Any]:
    return {arm: {SPLIT: plain(each)} for arm, each in estimates.items()}


def _finite(values: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """For JSON, which has no NaN."""
    return {name: [v if np.isfinite(v) else None for v in each] for name, each in values.items()}
