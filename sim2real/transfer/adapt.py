"""Adapting a pretrained policy to recordings: the plan beside its controls, and the gate."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np

from policies.policy import Policy
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.progress import Stages
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import Agreement, Estimate
from sim2real.transfer.adapt_config import AdaptConfig, Overrides
from sim2real.transfer.adapted import Adapted, Comparison
from sim2real.transfer.combine import Combined, combine
from sim2real.transfer.fit import Fitted
from sim2real.transfer.folds import held_out
from sim2real.transfer.gate import judge, unjudged
from sim2real.transfer.jobs import Job, run_jobs, side_by_side
from sim2real.transfer.learn import Material, validation_split
from sim2real.transfer.plans import TransferPlan, find_plan
from sim2real.transfer.refit import refit

CONTROLS = ("gain", "scratch")


def split(frames: Frames, test: Frames | None, share: float) -> tuple[Frames, Frames | None]:
    """(to learn from, to judge by); the latter None where there is a single unit and no test set."""
    if test is not None:
        return frames, test
    return held_out(frames, share) if len(frames.units()) > 1 else (frames, None)


def adapt(
    config: AdaptConfig, material: Material, test: Frames | None, plans: list[TransferPlan], folder: Path, stage: Stages
) -> Adapted:
    """Fit every arm at every number of frames and with every seed; compare them on the test frames; let the gate judge.

    The gate judges one policy per arm, made of its seeds (see `combine`). Where the test frames are a part of the
    dataset, the one it chooses is then fitted to them, too, and handed out so.

    Args:
        material: of which `frames` are all that may be learned from; without simulated frames none are mixed in.
        test: to judge by; None: nothing is judged.
        plans: the plan first, then further arms.
        folder: where fits are kept.
    """
    arms = arms_of(config, plans)
    sizes = config.sizes(len(material.frames))
    materials = {}
    for size in dict.fromkeys(min(size, len(material.frames)) for size in sizes):
        for seed in range(config.seeds):
            frames = material.frames.limited(size, np.random.default_rng(seed))
            materials[size, seed] = dataclasses.replace(material, frames=frames)
    jobs = [
        Job(f"{arm}-{size}-{seed}", part, plan, seed)
        for (size, seed), part in materials.items()
        for arm, plan in arms.items()
    ]
    report = stage("fit")
    fitted = run_jobs(jobs, folder, lambda done, total: report(round(done, 2), total))
    agreement = None if test is None else agreement_on(test)
    comparisons = _compare(config, arms, materials, fitted, test, agreement, stage("compare"))
    main = min(sizes[-1], len(material.frames))
    fits = {arm: [fitted[f"{arm}-{main}-{seed}"] for seed in range(config.seeds)] for arm in arms}
    candidates = {"zero-shot": Combined(material.policy, (), "as pretrained")} | _combined(arms, fits, material, main)
    predictions = {} if test is None else _predictions(candidates, comparisons[-1], test)
    verdict = judge(agreement, predictions, plans[0].name) if agreement else None
    arm = verdict.arm if verdict else unjudged(material.frames.criterion)
    # A test set of its own stays unseen, and whoever limits the frames wants no more learned from.
    again = None
    if test is not None and config.test is None and main == len(material.frames) and arm in arms:
        args = arm, arms[arm], candidates[arm], fits[arm], material, test, folder
        report = stage("fit to all episodes")
        again = refit(*args, lambda done, total: report(round(done, 2), total, {}))
    names = material.policy.config.action_names
    return Adapted(
        policy=again.policy if again else candidates[arm].policy,
        plan=plans[0].name,
        output=arm,
        verdict=verdict,
        comparisons=comparisons,
        candidates=candidates,
        predictions=predictions,
        refitted=again,
        agreement=agreement,
        smoothing=material.frames.smoothing,
        look=candidates[plans[0].name].policy.align.found(*material.policy.config.preprocessing.size),
        judged=tuple(names[k] for k in material.frames.judged),
        each={} if test is None else _each(test, predictions, names),
        rest=None if test is None else float(np.nanmean(np.abs(test.done))),
    )


def _combined(arms, fits: dict[str, list[Fitted]], material: Material, main: int) -> dict[str, Combined]:
    """Arm -> the one policy that stands for its seeds."""
    same = main == len(material.frames)
    validation = validation_split(material.frames)[1] if same else None
    return {arm: combine(fits[arm], plan, validation, same) for arm, plan in arms.items()}


def _predictions(candidates: dict[str, Combined], comparison: Comparison, test: Frames) -> dict[str, np.ndarray]:
    """Arm -> (1, n, J) judged actions of its policy on the test frames."""
    seeds = {arm: candidate.seeds or (0,) for arm, candidate in candidates.items()}
    known = {arm: comparison.predictions[arm][k[0]] for arm, k in seeds.items() if len(k) == 1}
    return {
        arm: (known[arm] if arm in known else predict_judged(candidate.policy, test))[None]
        for arm, candidate in candidates.items()
    }


def _compare(config, arms, materials, fitted, test, agreement, report) -> list[Comparison]:
    """The arms at each number of frames, on the test frames."""
    outputs: dict[str, np.ndarray] = {}
    if test is not None:
        outputs = _outputs(arms, materials, fitted, test, report)
    comparisons = []
    for size in dict.fromkeys(size for size, _ in materials):
        parts = [materials[size, seed].frames for seed in range(config.seeds)]
        names = {arm: [f"{arm}-{size}-{seed}" for seed in range(config.seeds)] for arm in arms}
        predictions = {}
        if test is not None:
            predictions = {"zero-shot": outputs["zero-shot"][None]}
            predictions |= {arm: np.stack([outputs[name] for name in each]) for arm, each in names.items()}
        comparisons.append(
            Comparison(
                frames=round(np.mean([len(part) for part in parts])),
                episodes=float(np.mean([len(part.episodes) for part in parts])),
                estimates={arm: agreement.measure(p) for arm, p in predictions.items()} if agreement else {},
                predictions=predictions,
                updates={arm: [fitted[name].update for name in each] for arm, each in names.items()},
            )
        )
    return comparisons


def _outputs(arms, materials, fitted, test, report) -> dict[str, np.ndarray]:
    """Fit -> (n, J) judged actions on the test frames, and "zero-shot"."""
    policy = next(iter(materials.values())).policy
    unclipped = predict_judged(policy, test, clip=False)
    outputs = {"zero-shot": unclipped.clip(-1, 1)}
    resting = [arm for arm, plan in arms.items() if not plan.trained and not plan.align]
    still = {f"{arm}-{size}-{seed}" for arm in resting for size, seed in materials}
    for name in still:
        outputs[name] = _rescaled(unclipped, policy, fitted[name].policy, test.judged)
    others = [name for name in fitted if name not in still]
    work = {name: partial(predict_judged, fitted[name].policy, test) for name in others}
    done = side_by_side(work, lambda: report(0, len(others)))
    report(len(others), len(others), {})
    return outputs | done


def arms_of(config: AdaptConfig, plans: list[TransferPlan]) -> dict[str, TransferPlan]:
    """The arms that are fitted, by name: the plan and further ones with the run's settings, then the controls."""
    controls = [Overrides(updates=config.overrides.updates).on(find_plan(name)) for name in CONTROLS]
    return {plan.name: config.overrides.on(plan) for plan in plans} | {plan.name: plan for plan in controls}


def _rescaled(predicted: np.ndarray, policy: Policy, scaled: Policy, judged: tuple[int, ...]) -> np.ndarray:
    """What a policy with another gain folded in does, from what it gave unclipped: no image is looked at again."""
    before, after, chosen = policy.heads.action, scaled.heads.action, list(judged)
    gain, old, new = (v.cpu().numpy()[chosen] for v in (after.gain / before.gain, before.offset, after.offset))
    return np.clip(gain * (predicted - old) + new, -1, 1)


def _each(
    test: Frames, predictions: dict[str, np.ndarray], names: tuple[str, ...]
) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Action -> arm -> metrics, where there are several."""
    if len(test.judged) == 1:
        return {}
    result = {}
    for j, k in enumerate(test.judged):
        agreement = Agreement(test.done[:, j], test.episode, criterion=test.criterion, units=test.units())
        result[names[k]] = {arm: agreement.measure(p[..., j]) for arm, p in predictions.items()}
    return result
