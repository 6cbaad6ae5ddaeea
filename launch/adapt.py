"""`sim2real adapt`: take a pretrained policy to a real camera."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.checkpoints import policy_folder
from launch.console import reporting, resumable, resume_command, say, typed_command
from launch.tables import print_table
from launch.transfer import described, read
from policies import load_policy
from policies.checkpoint import save_policy
from sim2real.agreement import METRICS
from sim2real.frames import Frames
from sim2real.report import INTERVAL_NOTE
from sim2real.runs import Run, start_run
from sim2real.transfer.adapt import Adapted, adapt, split
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.adapt_report import write_report
from sim2real.transfer.choose import Choice, choose
from sim2real.transfer.learn import Material
from sim2real.transfer.probe import Probe, probe
from sim2real.transfer.simulated import Simulated, mirror_signs, simulated_frames, task_spec

SIMULATED = 480  # frames, to compare the recordings with


def adapt_command(
    config: Annotated[AdaptConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="go on with an interrupted run")] = False,
) -> None:
    """Adapt a policy to recordings; compare it with the control arms; promote it only if it is better.

    The output is in the run's folder: `policy/`, which is the adapted one only if the gate promoted it, `report.html`
    and `metrics.json`.

    Example: sim2real adapt runs/policy datasets/track_1 --test datasets/track_2 --frames 300
    """
    folder = policy_folder(config.checkpoint)
    load_policy(folder)
    config = dataclasses.replace(config, checkpoint=config.checkpoint.resolve(), dataset=_absolute(config.dataset))
    config = dataclasses.replace(config, test=config.test and _absolute(config.test))
    _open(config)
    run, config = start_run("adapt", config, out, resume)
    if run.finished:
        say(f"{run.folder} is finished: there is nothing to resume")
        return
    with resumable(resume_command(run.folder)), reporting() as stage:
        policy = load_policy(folder)
        frames = read(config.dataset, policy, config.smooth, stage("read recordings"))
        test = None if config.test is None else read(config.test, policy, config.smooth, stage("read test recordings"))
        learned, test = split(frames, test, config.hold_out)
        spec = task_spec(policy.config.task)
        simulated = _simulated(policy, folder, stage) if spec else None
        material = Material(policy, learned, mirror_signs(spec, policy.config.action_names), simulated)
        found = probe(policy, learned, simulated.images) if simulated else None
        choice = _choice(config, material, found, run, stage)
        plans = config.plans(choice.plan if choice else config.plan)
        result = adapt(config, material, test, plans, run.checkpoints, stage)
        stage("report")(0, 1, {})
        save_policy(run.folder / "policy", result.policy, _recipe(config, result), _card(config, result))
        metrics = result.metrics() | {"smoothing": config.smooth, "dataset": config.dataset, "test": config.test}
        if choice:
            metrics["auto"] = dataclasses.asdict(choice)
        write_report(run.folder / "report.html", config, result, test, simulated, found, choice, typed_command())
    run.write_metrics({"finished": True, **metrics})
    _print(config, result, learned, test, choice)
    say(f"policy: {run.folder / 'policy'}\nreport: {run.folder / 'report.html'}")


def _absolute(dataset: str) -> str:
    """The episodes behind a path are part of the last name, which no file system follows."""
    return str(Path.cwd() / dataset)


def _open(config: AdaptConfig) -> None:
    """Complain about a missing dataset before a run is started."""
    from sim2real.datasets import EpisodeDataset

    for dataset in filter(None, (config.dataset, config.test)):
        EpisodeDataset.open(dataset)


def _simulated(policy: Any, folder: Path, stage: Any) -> Simulated:
    report = stage("look into the simulator")
    return simulated_frames(policy, SIMULATED, folder, progress=lambda done, total: report(done, total, {}))


def _choice(config: AdaptConfig, material: Material, found: Probe | None, run: Run, stage: Any) -> Choice | None:
    if config.plan != "auto":
        return None
    if found is None:
        raise ValueError(
            f"auto needs simulated frames, and {material.policy.config.task!r} is no task here: name a plan"
        )
    size = min(config.sizes(len(material.frames))[-1], len(material.frames))
    import numpy as np

    limited = dataclasses.replace(material, frames=material.frames.limited(size, np.random.default_rng(0)))
    report = stage("choose a plan")
    return choose(limited, found, run.checkpoints, progress=lambda done, total: report(int(done), total, {}))


def _recipe(config: AdaptConfig, result: Adapted) -> dict[str, Any]:
    settings = dataclasses.asdict(config) | {"checkpoint": str(config.checkpoint)}
    return {"method": "adapt", "arm": result.metrics()["output"], "plan": result.plan, "run": settings}


def _card(config: AdaptConfig, result: Adapted) -> str:
    metrics = result.metrics()
    lines = [
        f"# {result.policy.config.task}: arm `{metrics['output']}` of an adaptation by plan `{result.plan}`",
        "",
        f"{'Promoted' if metrics['promoted'] else 'The plan was not promoted'}: {metrics['reason']}.",
        f"Learned from {metrics['frames']} frames of {Path(config.dataset).name}, judged on "
        f"{metrics['test_frames']} frames of {metrics['test_episodes']} episodes that nothing was learned from.",
    ]
    return "\n".join(lines) + "\n"


def _print(config: AdaptConfig, result: Adapted, learned: Frames, test: Frames | None, choice: Choice | None) -> None:
    say(described("learned from", learned))
    if choice:
        say(f"auto: {choice.plan}, {choice.reason}")
    if test is not None:
        say(described("judged on", test))
    for comparison in result.comparisons:
        rows = [[arm, *(each[m] for m in METRICS)] for arm, each in comparison.estimates.items()]
        title = f"\n{comparison.frames} frames ({comparison.episodes:g} episodes), {config.seeds} seeds"
        if rows:
            print_table(["arm", *METRICS], rows, title)
    metrics = result.metrics()
    if result.verdict is not None:
        say(f"{INTERVAL_NOTE} Gain-free MAE: after the gain and offset that fit best in hindsight.")
    say(f"{result.plan}: {'PROMOTED' if metrics['promoted'] else 'not promoted'}, {metrics['reason']}")
    say(f"the output is the arm `{metrics['output']}`")
