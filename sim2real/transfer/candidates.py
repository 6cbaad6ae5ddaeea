"""Comparison of candidates: the plan, further plans and the controls, with the same training and test frames."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import Progress, Stages
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import Agreement, Estimate
from sim2real.tracks.rebuilt import RebuiltTrack
from sim2real.transfer.adapt_config import UNLABELLED, AdaptConfig, Overrides
from sim2real.transfer.choose import CONTROLS, copies
from sim2real.transfer.driven import drive_candidates
from sim2real.transfer.fitting.combine import Combined, combine
from sim2real.transfer.fitting.fit import Fitted
from sim2real.transfer.fitting.jobs import Job, run_jobs, side_by_side
from sim2real.transfer.fitting.learn import Material, validation_split
from sim2real.transfer.fitting.plans import TransferPlan, find_plan
from sim2real.transfer.fitting.refit import Refitted, refit
from sim2real.transfer.gate import decide, unjudged
from sim2real.transfer.outcome import Comparison, Outcome

RECORDINGS_ONLY = "recordings-only"
"""The control that --track adds: the plan without frames from beside the line."""


@dataclass(frozen=True)
class Fits:
    """All fits of a comparison.

    Attributes:
        plans: candidate -> its plan.
        seeds: number of fits of each candidate at each number of frames.
        materials: (number of frames, seed) -> the training data.
        fitted: fits by `fit_name`.
    """

    plans: dict[str, TransferPlan]
    seeds: int
    materials: dict[tuple[int, int], Material]
    fitted: dict[str, Fitted]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the numbers of frames; the last is the main one."""
        return tuple(dict.fromkeys(size for size, _ in self.materials))

    def names(self, candidate: str, size: int) -> list[str]:
        """Return the names of a candidate's fits at a number of frames, by seed."""
        return [fit_name(candidate, size, seed) for seed in range(self.seeds)]

    def of(self, candidate: str, size: int) -> list[Fitted]:
        """Return a candidate's fits at a number of frames, by seed."""
        return [self.fitted[name] for name in self.names(candidate, size)]


def fit_name(candidate: str, size: int, seed: int) -> str:
    """Return the name of a fit, which is also that of its folder."""
    return f"{candidate}-{size}-{seed}"


def candidate_plans(config: AdaptConfig, plans: list[TransferPlan]) -> dict[str, TransferPlan]:
    """Return the candidates' plans by name: the plan and further ones with the run's settings, then the controls."""
    names = CONTROLS if config.unlabelled is None else (*CONTROLS, UNLABELLED)
    # Scratch learns from what the plan does, as the control without pretraining; the gain is that of the recordings.
    updates, shares = config.overrides.updates, {"scratch": config.overrides.recovery}
    controls = [Overrides(updates=updates, recovery=shares.get(name, 0.0)).on(find_plan(name)) for name in names]
    return {plan.name: config.overrides.on(plan) for plan in plans} | {plan.name: plan for plan in controls}


def compare_candidates(
    config: AdaptConfig,
    material: Material,
    test: Frames | None,
    plans: list[TransferPlan],
    folder: Path,
    stages: Stages,
    chosen: str | None = None,
    track: RebuiltTrack | None = None,
) -> Outcome:
    """Fit every candidate with every number of frames and seed, compare them on the test frames, let the gate decide.

    The gate judges one policy per candidate, combined from its seeds (see `combine`). If the test frames are a part of
    the dataset, the chosen policy is then fitted to them, too.

    Args:
        material: all training frames; without simulated frames none are mixed in.
        test: test frames; None: nothing is judged.
        plans: the plan first, then further candidates.
        folder: folder of the fits.
        chosen: candidate that the learning frames speak for; None: the reference.
        track: rebuilt track that candidates drive on; None: they do not.
    """
    plan = plans[0].name
    tried = candidate_plans(config, plans)
    if material.recovery is not None and tried[plan].recovery:
        tried[RECORDINGS_ONLY] = dataclasses.replace(tried[plan], name=RECORDINGS_ONLY, recovery=0.0)
    fits = _fit(config, material, tried, folder, stages("fit"))
    agreement = None if test is None else agreement_on(test)
    outputs = None if test is None else _fit_outputs(fits, test, stages("compare"))
    comparisons = [_comparison(fits, size, outputs, agreement) for size in fits.sizes]
    candidates = {"zero-shot": Combined(material.policy, (), "as pretrained")} | _combined(fits, material)
    predictions = {} if test is None else _predictions(candidates, comparisons[-1], test)
    barred = [name for name, each in tried.items() if name != plan and copies(each, material.policy)]
    decision = decide(agreement, predictions, plan, chosen, barred) if agreement else None
    offline = decision.candidate if decision else chosen or unjudged(material.frames.criterion)
    output, driven = offline, None
    if track is not None:
        each = {name: candidate.policy for name, candidate in candidates.items()}
        driven = drive_candidates(track, each, config.laps, stages("drive candidates"))
        output = driven.overruled(offline)[0]
    refitted = None
    if test is not None and config.test is None and not config.self_labels:  # its labels are the driver's
        refitted = _refit(fits, candidates[output], output, material, test, folder, stages)
    names = material.policy.config.action_names
    return Outcome(
        policy=refitted.policy if refitted else candidates[output].policy,
        plan=plan,
        output=output,
        decision=decision,
        offline=offline,
        driven=driven,
        comparisons=comparisons,
        candidates=candidates,
        predictions=predictions,
        refitted=refitted,
        agreement=agreement,
        smoothing=(material.frames if test is None else test).smoothing,
        look=candidates[plan].policy.align.in_pixels(*material.policy.config.preprocessing.size),
        judged=tuple(names[k] for k in material.frames.judged),
        each={} if test is None else _by_action(test, predictions, names),
        rest=None if test is None else float(np.nanmean(np.abs(test.done))),
    )


def _fit(
    config: AdaptConfig, material: Material, plans: dict[str, TransferPlan], folder: Path, progress: Progress
) -> Fits:
    """Fit every candidate at every number of frames with every seed."""
    available = len(material.frames)
    materials = {}
    for size in dict.fromkeys(min(size, available) for size in config.sizes(available)):
        for seed in range(config.seeds):
            frames = material.frames.limited(size, np.random.default_rng(seed))
            materials[size, seed] = dataclasses.replace(material, frames=frames)
    jobs = [
        Job(fit_name(candidate, size, seed), part, plan, seed)
        for (size, seed), part in materials.items()
        for candidate, plan in plans.items()
    ]
    return Fits(plans, config.seeds, materials, run_jobs(jobs, folder, progress))


def _combined(fits: Fits, material: Material) -> dict[str, Combined]:
    """Return the combined policy of each candidate's seeds."""
    main = fits.sizes[-1]
    same = main == len(material.frames)
    validation = validation_split(material.frames)[1] if same else None
    return {name: combine(fits.of(name, main), plan, validation, same) for name, plan in fits.plans.items()}


def _refit(
    fits: Fits, judged: Combined, output: str, material: Material, test: Frames, folder: Path, stages: Stages
) -> Refitted | None:
    """Fit the output to the test frames, too; None if it was never fitted, or fewer frames were requested."""
    main = fits.sizes[-1]
    if output not in fits.plans or main != len(material.frames):
        return None
    progress = stages("fit to all episodes")
    return refit(output, fits.plans[output], judged, fits.of(output, main), material, test, folder, progress)


def _predictions(candidates: dict[str, Combined], comparison: Comparison, test: Frames) -> dict[str, np.ndarray]:
    """Return the judged actions (1, n, J) of each candidate's policy on the test frames."""
    seeds = {name: candidate.seeds or (0,) for name, candidate in candidates.items()}
    known = {name: comparison.predictions[name][k[0]] for name, k in seeds.items() if len(k) == 1}
    return {
        name: (known[name] if name in known else predict_judged(candidate.policy, test))[None]
        for name, candidate in candidates.items()
    }


def _comparison(
    fits: Fits, size: int, outputs: dict[str, np.ndarray] | None, agreement: Agreement | None
) -> Comparison:
    """Compare the candidates at one number of frames; `outputs` as `_fit_outputs` gives them."""
    parts = [fits.materials[size, seed].frames for seed in range(fits.seeds)]
    predictions = {}
    if outputs is not None:
        predictions = {"zero-shot": outputs["zero-shot"][None]}
        predictions |= {name: np.stack([outputs[fit] for fit in fits.names(name, size)]) for name in fits.plans}
    return Comparison(
        frames=round(np.mean([len(part) for part in parts])),
        episodes=float(np.mean([len(part.episodes) for part in parts])),
        estimates={name: agreement.measure(p) for name, p in predictions.items()} if agreement else {},
        predictions=predictions,
        updates={name: [fitted.update for fitted in fits.of(name, size)] for name in fits.plans},
    )


def _fit_outputs(fits: Fits, test: Frames, progress: Progress) -> dict[str, np.ndarray]:
    """Return (n, J) judged actions on the test frames by the name of a fit, including "zero-shot"."""
    policy = next(iter(fits.materials.values())).policy
    unclipped = predict_judged(policy, test, clip=False)
    outputs = {"zero-shot": unclipped.clip(-1, 1)}
    scaled_only = [name for name, plan in fits.plans.items() if not (plan.trained or plan.align or plan.unlabelled)]
    for name in (fit_name(candidate, size, seed) for candidate in scaled_only for size, seed in fits.materials):
        outputs[name] = _rescaled(unclipped, policy, fits.fitted[name].policy, test.judged)
    others = [name for name in fits.fitted if name not in outputs]
    work = {name: partial(predict_judged, fits.fitted[name].policy, test) for name in others}
    done = side_by_side(work, lambda: progress(0, len(others)))
    progress(len(others), len(others))
    return outputs | done


def _rescaled(predicted: np.ndarray, policy: Policy, scaled: Policy, judged: tuple[int, ...]) -> np.ndarray:
    """Return the predictions of a policy with another folded gain, without processing images again.

    Args:
        predicted: (n, J) unclipped predictions of the policy.
    """
    before, after, chosen = policy.heads.action, scaled.heads.action, list(judged)
    gain, old, new = (v.cpu().numpy()[chosen] for v in (after.gain / before.gain, before.offset, after.offset))
    return np.clip(gain * (predicted - old) + new, -1, 1)


def _by_action(
    test: Frames, predictions: dict[str, np.ndarray], names: tuple[str, ...]
) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Return metrics by action and candidate, if several actions are judged together."""
    if len(test.judged) == 1:
        return {}
    figures = {}
    for j, k in enumerate(test.judged):
        agreement = Agreement(test.done[:, j], test.episode, criterion=test.criterion, units=test.units())
        figures[names[k]] = {name: agreement.measure(p[..., j]) for name, p in predictions.items()}
    return figures
