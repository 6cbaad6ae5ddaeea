"""The recipe (for programs) and the model card (for people) of an adapted policy."""

import dataclasses
from pathlib import Path
from typing import Any

from sim2real.checkpoints import read_config
from sim2real.files.configs import to_plain
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.outcome import Outcome

INHERITED = ("cameras", "randomization")
"""Entries of the pretrained policy's recipe that describe its worlds."""


def recipe_of(config: AdaptConfig, pretrained: Path, outcome: Outcome) -> dict[str, Any]:
    """Return the recipe of the output, for `save_policy`.

    Args:
        pretrained: folder of the policy that was adapted.
    """
    settings = to_plain(config)
    before = read_config(pretrained).get("recipe", {})
    inherited = {name: before[name] for name in INHERITED if name in before}
    plan: Any = outcome.plan
    if config.plan != "auto":
        plan = dataclasses.asdict(config.overrides.on(find_plan(config.plan)))
    return inherited | {"method": "adapt", "candidate": outcome.output, "plan": plan, "run": settings}


def model_card(config: AdaptConfig, outcome: Outcome) -> str:
    """Return the card of the judged policy, Markdown."""
    main, agreement = outcome.comparisons[-1], outcome.agreement
    judged = "not judged"
    if agreement is not None:
        episodes = len(agreement.episodes)
        judged = f"judged on {len(agreement)} frames of {episodes} held-out episodes, {agreement.units}"
    lines = [
        f"# {outcome.policy.config.task}: candidate `{outcome.output}` of an adaptation by plan `{outcome.plan}`",
        "",
        f"{'Promoted' if outcome.promoted else 'The plan was not promoted'}: {outcome.reason}.",
        f"Learned from {main.frames} frames of {Path(config.dataset).name}, {judged}.",
        f"Weights: {outcome.weights}.",
    ]
    return "\n".join(lines) + "\n"
