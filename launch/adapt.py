"""`sim2real adapt`: take a pretrained policy to a real camera."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from launch.console import print_table, reporting, resumable, resume_command, say, typed_command
from launch.transfer import check_apart, described, read, simulate
from sim2real.checkpoints import load_policy, policy_folder, read_config, save_policy
from sim2real.errors import InputError
from sim2real.recordings.frames import Frames
from sim2real.reports.lines import interval_note
from sim2real.reports.pages.adaptation import SPREAD, look_line, refit_line, spread, write_report
from sim2real.runs import Run, start_run
from sim2real.statistics.agreement import METRIC_NAMES, metric_header
from sim2real.transfer.adapt import adapt, split
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.adapted import Adapted
from sim2real.transfer.choose import Choice, choose
from sim2real.transfer.folds import kept_apart
from sim2real.transfer.learn import Material
from sim2real.transfer.plans import find_plan, read_plans
from sim2real.transfer.probe import Probe, probe
from sim2real.transfer.simulated import mirror_signs, task_spec


@dataclass(frozen=True)
class Given:
    """What there is to adapt: a policy's folder, what may be learned from, what is judged by (None: nothing can be)."""

    folder: Path
    material: Material
    test: Frames | None


def command(
    config: Annotated[AdaptConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="go on with an interrupted run")] = False,
) -> None:
    """Adapt a policy to recordings; compare it with the control arms; promote it only if it is better.

    The output is in the run's folder: `policy/`, which is the adapted one only if the gate promoted it, `report.html`
    and `metrics.json`. Of several seeds the weights are averaged where that is no worse on validation frames, and
    otherwise the best is taken; exactly that policy is judged. Without `--test` it is then fitted to the held-out
    episodes, too; the weights that were judged are in `judged/`.

    Example: sim2real adapt runs/policy datasets/track_1 --test datasets/track_2 --frames 300
    """
    run: Run | None = None
    if resume:
        run, config = start_run("adapt", config, out, True)
        if run.finished:
            say(f"{run.folder} is finished: there is nothing to resume")
            return
    config = _located(config)
    with reporting() as stage:
        given = _read(config, stage)
    if run is None:  # only now: what cannot be adapted leaves nothing behind
        run, config = start_run("adapt", config, out, False)
    with resumable(resume_command(run.folder)), reporting() as stage:
        found, choice = _probe(config, given, run, stage)
        plans = config.plans(choice.plan if choice else config.plan)
        result = adapt(config, given.material, given.test, plans, run.checkpoints, stage)
        recipe, card = _recipe(config, given, result), _card(config, result)
        save_policy(run.folder / "policy", result.policy, recipe, card + _refit_note(result))
        if result.refitted:
            save_policy(run.folder / "judged", result.candidates[result.output].policy, recipe, card)
        metrics = result.metrics() | {"dataset": config.dataset, "test": config.test}
        metrics["saturated"] = _saturation(given)
        if choice:
            metrics["auto"] = dataclasses.asdict(choice)
        simulated = given.material.simulated
        write_report(run.folder / "report.html", config, result, given.test, simulated, found, choice, typed_command())
    run.write_metrics({"finished": True, **metrics})
    _print(config, result, given, choice)
    say(f"policy: {run.folder / 'policy'}\nreport: {run.folder / 'report.html'}")


def _located(config: AdaptConfig) -> AdaptConfig:
    """With absolute paths, so that the run can be resumed from anywhere."""
    # The episodes behind a dataset's path are part of its last name, which no file system looks at.
    dataset, test = (path and str(Path.cwd() / path) for path in (config.dataset, config.test))
    file, colon, name = config.plan.rpartition(":") if ".toml:" in config.plan else (config.plan, "", "")
    plan = f"{Path(file).resolve()}{colon}{name}" if ".toml" in config.plan else config.plan
    checkpoint = config.checkpoint.resolve()
    return dataclasses.replace(config, checkpoint=checkpoint, dataset=dataset, test=test, plan=plan)


def _read(config: AdaptConfig, stage: Any) -> Given:
    """Read everything; raises InputError, DatasetError or CheckpointError for what cannot be adapted."""
    folder = policy_folder(config.checkpoint)
    policy = load_policy(folder)
    same = config.test is not None and check_apart(config.dataset, config.test)
    spec = task_spec(policy.config.task)
    if spec is None and (config.plan == "auto" or config.overrides.cotrain):
        what = "auto" if config.plan == "auto" else "cotrain"
        raise InputError(f"{what} needs simulated frames, and {policy.config.task!r} is no task here")
    frames = read(config.dataset, policy, config.smooth, stage("read recordings"))
    test = None if config.test is None else read(config.test, policy, config.smooth, stage("read test recordings"))
    if same and test is not None:
        frames, test = kept_apart(frames, test)
    learned, test = split(frames, test, config.hold_out)
    simulated = simulate(policy, folder, stage) if spec else None
    if spec is None:
        say(f"{policy.config.task!r} is no task here: nothing to compare with, to mix in or to mirror by")
    signs = mirror_signs(spec, policy.config.action_names)
    return Given(folder, Material(policy, learned, signs, simulated), test)


def _probe(config: AdaptConfig, given: Given, run: Run, stage: Any) -> tuple[Probe | None, Choice | None]:
    """What the frames that are learned from look like, and for `auto` the plan that they speak for."""
    material = given.material
    if material.simulated is None:
        return None, None
    size = min(config.sizes(len(material.frames))[-1], len(material.frames))
    limited = dataclasses.replace(material, frames=material.frames.limited(size, np.random.default_rng(0)))
    found = probe(material.policy, limited.frames, material.simulated)
    if config.plan != "auto":
        return found, None
    plans = {name: plan if name == "gain" else config.overrides.on(plan) for name, plan in read_plans().items()}
    report = stage("choose a plan")
    choice = choose(limited, found, plans, run.checkpoints, progress=report)
    return found, choice


def _saturation(given: Given) -> dict[str, dict[str, int]]:
    """Frames by action whose label is beyond what the policy can do, of those learned from and those judged by."""
    names = given.material.policy.config.action_names
    parts = {"frames": given.material.frames, "test_frames": given.test}
    return {name: frames.saturation(names) for name, frames in parts.items() if frames is not None}


def _recipe(config: AdaptConfig, given: Given, result: Adapted) -> dict[str, Any]:
    settings = dataclasses.asdict(config) | {"checkpoint": str(config.checkpoint)}
    before = read_config(given.folder).get("recipe", {})
    kept = {name: before[name] for name in ("cameras", "randomization") if name in before}
    plan = dataclasses.asdict(config.overrides.on(find_plan(config.plan))) if config.plan != "auto" else result.plan
    return kept | {"method": "adapt", "arm": result.metrics()["output"], "plan": plan, "run": settings}


def _card(config: AdaptConfig, result: Adapted) -> str:
    metrics = result.metrics()
    judged = f"judged on {metrics['test_frames']} frames of {metrics['test_episodes']} episodes kept apart"
    judged += f", {result.agreement.units}" if result.agreement else ""
    judged = judged if result.verdict else "not judged"
    lines = [
        f"# {result.policy.config.task}: arm `{metrics['output']}` of an adaptation by plan `{result.plan}`",
        "",
        f"{'Promoted' if metrics['promoted'] else 'The plan was not promoted'}: {metrics['reason']}.",
        f"Learned from {metrics['frames']} frames of {Path(config.dataset).name}, {judged}.",
        f"Weights: {metrics['weights']}.",
    ]
    return "\n".join(lines) + "\n"


def _refit_note(result: Adapted) -> str:
    return f"\n{line}\n" if (line := refit_line(result)) else ""


def _print(config: AdaptConfig, result: Adapted, given: Given, choice: Choice | None) -> None:
    say(described("to learn from", given.material.frames))
    if choice:
        say(f"auto: {choice.plan}, {choice.reason}")
    if given.test is not None:
        say(described("judged on", given.test))
    for comparison in result.comparisons:
        main = comparison is result.comparisons[-1]
        estimates = result.estimates if main else comparison.estimates
        rows = [[arm, *each.values()] for arm, each in estimates.items()]
        title = f"\nlearned from {comparison.frames} frames ({comparison.episodes:g} episodes)"
        title += ", the policies that were judged" if main else f", mean of {config.seeds} seeds"
        if rows:
            print_table(["arm", *metric_header(next(iter(estimates.values())))], rows, title)
    if result.agreement is not None and config.seeds > 1:
        rows = [[arm, candidate.weights, *spread(result, arm)] for arm, candidate in result.candidates.items()]
        print_table(["arm", "weights", *SPREAD], rows, f"\n{METRIC_NAMES[result.agreement.criterion]} over the seeds")
    metrics = result.metrics()
    if result.agreement is not None:
        say(f"{interval_note(result.agreement.units)} Gain-free: after the gain and offset that fit best in hindsight.")
    if len(result.judged) > 1:
        say(f"{len(result.judged)} actions together ({', '.join(result.judged)}); one by one in the report.")
    if result.rest is not None:
        say(f"To do nothing always would have an MAE of {result.rest:.3f}.")
    if line := look_line(result.look):
        say(f"by what was done, {line} (px of the network's image)")
    say(f"{result.plan}: {'PROMOTED' if metrics['promoted'] else 'not promoted'}, {metrics['reason']}")
    say(f"the output is the arm `{metrics['output']}` ({metrics['weights']})")
    if line := refit_line(result):
        say(line)
