"""Which candidate to hand out: the one with the smallest expected error, by a prior and by cross-validation."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.policy import Policy
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import Progress, silent
from sim2real.transfer.adapt_config import AUTO_PLANS
from sim2real.transfer.expectation import Expectation, prior
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import TransferPlan
from sim2real.transfer.gate import CALLED, unjudged
from sim2real.transfer.validation import cross_validate

CONTROLS = ("gain", "scratch")

AUTO = (*AUTO_PLANS, "scratch")
"""The plans that `auto` compares: near, far, and the control without pretraining."""
HOPELESS = 2.0  # standard deviations of the prior above no change, from where on a plan is not tried


def copies(plan: TransferPlan, policy: Policy) -> bool:
    """Tell whether a plan's offline error is blind to how it acts: a new head that is told the state copies the last
    command from it (causal confusion, de Haan et al. 2019).

    Reach after 20 episodes of the rehearsal arm: zero-shot RMSE 0.30, 68 % of 60 episodes; `sensor-shift` 0.23, 78 %;
    `strange-place` 0.12, 5 %.
    """
    return policy.config.heads.state > 0 and "head" in plan.reset


@dataclass(frozen=True)
class Choice:
    """What was chosen, and on what grounds.

    Attributes:
        plan: name of the plan with the smallest expected error, controls aside.
        candidate: candidate with the smallest expected error: that plan or a control.
        reason: one sentence.
        errors: candidate -> gain-free error in cross-validation; empty if nothing could be left out.
        expected: candidate -> its error relative to the reference (see `Expectation`).
    """

    plan: str
    candidate: str
    reason: str
    errors: dict[str, float]
    expected: dict[str, Expectation]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for `metrics.json`."""
        expected = {name: expectation.to_dict() for name, expectation in self.expected.items()}
        return dataclasses.asdict(self) | {"expected": expected}


def choose(
    material: Material,
    plans: Mapping[str, TransferPlan],
    folder: Path,
    seed: int = 0,
    progress: Progress = silent,
) -> Choice:
    """Choose the candidate with the smallest expected error, of the plans and of not fitting at all.

    Plans that their prior makes hopeless are not tried, the others are cross-validated (`cross_validate`); the
    candidates' expectations are the priors after that.

    Args:
        plans: plans that may be tried, by name.
        folder: folder of the fits.
    """
    frames, reference = material.frames, unjudged(material.frames.criterion)
    correlation = agreement_on(frames).measure(predict_judged(material.policy, frames)[None])["correlation"].value
    expected = {name: prior(plan, correlation, len(frames)) for name, plan in plans.items() if plan.trained}
    tried = {name: plans[name] for name, e in expected.items() if e.mean < HOPELESS * e.std}
    validation = cross_validate(material, tried, expected, folder, seed, progress)
    expected |= validation.expected
    ranked = sorted(expected, key=lambda name: expected[name].loss)
    best = next((name for name in ranked[:1] if expected[name].loss < 1), reference)
    plan = next((name for name in ranked if name not in CONTROLS), "gain")
    losses = ", ".join(f"{name} {e.loss:.2f}" for name, e in expected.items())
    reason = f"smallest expected error ({losses} times that of {CALLED.get(reference, reference)}) {validation.grounds}"
    return Choice(plan, best, reason, validation.errors, expected)
