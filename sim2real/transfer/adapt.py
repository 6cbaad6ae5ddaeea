"""Adaptation of a pretrained policy to a real camera: the public function behind `sim2real adapt`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.checkpoints import save_policy
from sim2real.errors import AlreadyFinished
from sim2real.progress import Stages, no_stages
from sim2real.runs import Run, start_run
from sim2real.transfer.adapt_config import AUTO_PLANS, AdaptConfig
from sim2real.transfer.candidates import candidate_plans, compare_candidates
from sim2real.transfer.choose import AUTO, Choice, choose, copies
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.fitting.unlabelled import align_unlabelled
from sim2real.transfer.frames.reading import APART
from sim2real.transfer.frames.simulated import SIMULATED
from sim2real.transfer.inputs import Inputs, read_inputs
from sim2real.transfer.model_card import model_card, recipe_of
from sim2real.transfer.outcome import Outcome
from sim2real.transfer.shift import DomainShift, measure_shift


@dataclass(frozen=True)
class Adaptation:
    """A finished adaptation.

    Attributes:
        folder: folder of the run: `policy/`, `judged/` if the output was fitted again, `metrics.json`.
        config: settings, with absolute paths.
        inputs: the policy, recordings and simulated frames.
        shift: shift between recordings and simulation; None if the policy's task is not registered.
        choice: the automatic choice of the plan; None if one was named, or without simulated frames.
        outcome: the compared candidates, and the policy to use.
        metrics: content of `metrics.json`.
    """

    folder: Path
    config: AdaptConfig
    inputs: Inputs
    shift: DomainShift | None
    choice: Choice | None
    outcome: Outcome
    metrics: dict[str, Any]


def adapt(
    config: AdaptConfig,
    out: Path | None = None,
    resume: bool = False,
    stages: Stages = no_stages,
    inputs: Inputs | None = None,
) -> Adaptation:
    """Adapt a policy to recordings, compare it with the controls, and hand out what should err least.

    The policy to use is saved in `policy/` of the run's folder, and the figures in `metrics.json`. Invalid inputs leave
    no files behind.

    Args:
        out: folder of the run; None: a new one under runs/.
        resume: resume an interrupted run, with the settings that it was started with.
        inputs: the inputs of these settings, if they were read before; None: they are read.

    Raises:
        InputError: settings, policy, recordings or folder cannot be used.
        AlreadyFinished: the run to resume is finished.
    """
    run: Run | None = None
    if resume:
        run, config = start_run("adapt", config, out, True)
        if run.finished:
            raise AlreadyFinished(f"{run.folder} is finished: there is nothing to resume")
    config = config.located()
    inputs = inputs or read_inputs(config, stages)
    if run is None:
        run, config = start_run("adapt", config, out, False)
    inputs = _aligned(inputs, stages)
    shift, choice = _look(config, inputs, run.checkpoints, stages)
    plans = config.plans(choice.plan if choice else AUTO_PLANS[0])
    chosen = choice.candidate if choice else None
    outcome = compare_candidates(
        config, inputs.material, inputs.test, plans, run.checkpoints, stages, chosen, inputs.track
    )
    _save(run.folder, config, inputs, outcome)
    metrics = {"finished": True, **outcome.metrics(), "dataset": config.dataset, "test": config.test}
    metrics["interventions"] = config.interventions
    metrics["saturated"] = inputs.saturated
    if choice:
        metrics["auto"] = choice.to_dict()
    run.write_metrics(metrics)
    return Adaptation(run.folder, config, inputs, shift, choice, outcome, run.metrics)


def _aligned(inputs: Inputs, stages: Stages) -> Inputs:
    """Align the policy with the unlabelled frames, if there are any."""
    material = inputs.material
    if inputs.unlabelled is None or material.simulated is None:
        return inputs
    images = inputs.unlabelled.limited(SIMULATED, np.random.default_rng(0)).images
    progress, mirror = stages("align with unlabelled frames"), material.signs is not None
    aligned = align_unlabelled(material.policy, material.simulated, images, mirror, progress=progress)
    return dataclasses.replace(inputs, material=dataclasses.replace(material, aligned=aligned))


def _look(
    config: AdaptConfig, inputs: Inputs, folder: Path, stages: Stages
) -> tuple[DomainShift | None, Choice | None]:
    """Measure the shift between the training frames and simulation, and for `auto` choose the candidate."""
    material = inputs.material
    if material.simulated is None:
        return None, None
    recorded = material.frames.select(material.frames.episode < APART)  # nothing is judged on interventions
    size = min(config.sizes(len(recorded))[-1], len(recorded))
    limited = dataclasses.replace(material, frames=recorded.limited(size, np.random.default_rng(0)), recovery=None)
    shift = measure_shift(material.policy, limited.frames, material.simulated)
    if config.plan != "auto":
        return shift, None
    plans = candidate_plans(config, [find_plan(name) for name in AUTO])
    plans = {name: plan for name, plan in plans.items() if not copies(plan, material.policy)}
    return shift, choose(limited, plans, folder, progress=stages("choose a plan"))


def _save(folder: Path, config: AdaptConfig, inputs: Inputs, outcome: Outcome) -> None:
    """Save the policy to use and, if it was fitted again after it was judged, the judged one."""
    recipe, card = recipe_of(config, inputs.folder, outcome), model_card(config, outcome)
    note = f"\n{outcome.refit_note}\n" if outcome.refitted else ""
    save_policy(folder / "policy", outcome.policy, recipe, card + note)
    if outcome.refitted:
        save_policy(folder / "judged", outcome.candidates[outcome.output].policy, recipe, card)
