# pyright: reportArgumentType=false
"""The rungs of the sensor ladder: a policy pretrained with each camera, and adapted by each plan."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs import Camera, make_task
from sim2real.checkpoints import load_policy
from sim2real.datasets import EpisodeDataset
from sim2real.evaluation.offline import agreement_on
from sim2real.files import write_json
from sim2real.progress import Progress, Stages, prefixed
from sim2real.recordings.frames import Frames
from sim2real.recordings.interpretation import recorded
from sim2real.runs import start_run
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.units import Units
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.pretraining import complete_pretraining, policy_config, pretrain_policy
from sim2real.training.teacher import train_teacher_inside
from sim2real.training.teacher_config import TrainConfig
from sim2real.transfer.candidates import compare_candidates
from sim2real.transfer.choose import choose
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import find_plan
from sim2real.transfer.frames.folds import folds
from sim2real.transfer.frames.reading import check_apart, read_apart
from sim2real.transfer.frames.simulated import SIMULATED, mirror_signs, simulated_frames
from sim2real.transfer.ladder_config import PLANS, LadderConfig
from sim2real.transfer.outcome import Outcome
from sim2real.worlds import load_randomization

# Name of the simulated camera -> (whether its lens is right, what is varied).
RUNGS = {
    "matched lens": (True, "default"),
    "wrong lens": (False, "fixed-camera"),
    "wrong lens, gray": (False, "fixed-camera-gray"),
    "wrong lens, one look": (False, "fixed-camera-one-look"),
}


@dataclass(frozen=True)
class Behind:
    """Difference of a plan from the best one, on other recordings than those that select the best (selection bias).

    Attributes:
        best: the plan with the smallest criterion on one half of the test recordings.
        difference: paired difference of the criterion on the other half, the plan minus the best; None if the test
            recordings cannot be divided.
        chosen_on, compared_on: units of the two halves.
    """

    best: str
    difference: Estimate | None
    chosen_on: Units
    compared_on: Units | None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        figures = (self.difference or Estimate(float("nan"), None, None)).to_dict()
        compared_on = None if self.compared_on is None else self.compared_on.describe()
        parts = {"best": self.best, "chosen_on": self.chosen_on.describe(), "compared_on": compared_on}
        return {**figures, "value": None if self.difference is None else self.difference.value, **parts}


@dataclass(frozen=True)
class Rung:
    """One rung: the candidates at each number of frames, and what `auto` chose there.

    Attributes:
        chosen: frames -> plan.
        behind: frames -> difference of that plan from the best.
    """

    name: str
    outcome: Outcome
    chosen: dict[int, str]
    behind: dict[int, Behind]


def check_ladder(config: LadderConfig) -> None:
    """Raise InputError or DatasetError for invalid inputs, before hours of work."""
    check_apart(config.dataset, config.test)
    distillation = DistillationConfig(frames=config.pretrain)
    complete_pretraining(PretrainConfig(config.task, teacher=config.teacher, distillation=distillation))
    spec = make_task(config.task).spec
    for _, preset in RUNGS.values():
        load_randomization(config.task, preset)
    policy = policy_config(spec, PretrainConfig(config.task))
    for path in (config.dataset, config.test):
        dataset = EpisodeDataset.open(path)
        dataset.camera(next(iter(spec.cameras)))
        recorded(dataset, policy)


def climb(config: LadderConfig, folder: Path, stages: Stages) -> list[Rung]:
    """Pretrain a policy per rung and adapt each; finished parts of an earlier start are read.

    Raises:
        InputError: as pretraining and adapting.
    """
    teacher = _teacher(config, folder, stages)
    wrong = _wrong_lens(config.task, folder)
    return [_rung(config, name, folder, teacher, wrong, stages) for name in RUNGS]


def summary(rungs: Sequence[Rung]) -> dict[str, Any]:
    """Return the figures of all rungs for `metrics.json`."""
    return {
        rung.name: rung.outcome.metrics()
        | {
            "auto": {str(n): plan for n, plan in rung.chosen.items()},
            "auto_minus_best": {str(n): d.to_dict() for n, d in rung.behind.items()},
        }
        for rung in rungs
    }


def _teacher(config: LadderConfig, folder: Path, stages: Stages) -> Path:
    if config.teacher is not None:
        return Path(config.teacher)
    settings = TrainConfig(config.task, config.teacher_config, evaluate=0)
    return train_teacher_inside(folder, settings, stages)


def _wrong_lens(task: str, folder: Path) -> Path:
    """Write a pinhole camera with the same central field of view, as from a data sheet."""
    camera = next(iter(make_task(task).spec.cameras.values())).camera
    centre = (camera.width - 1) / 2, (camera.height - 1) / 2
    focal = camera.width / 2 / np.tan(camera.width / 2 / camera.fx)
    path = folder / "wrong_lens.json"
    write_json(path, Camera(camera.width, camera.height, focal, focal, *centre).to_dict())
    return path


def _rung(config: LadderConfig, name: str, folder: Path, teacher: Path, wrong: Path, stages: Stages) -> Rung:
    matched, randomization = RUNGS[name]
    place = folder / name.replace(", ", "-").replace(" ", "-")
    settings = PretrainConfig(
        config.task,
        teacher=str(teacher),
        camera=None if matched else str(wrong),
        randomization=randomization,
        distillation=DistillationConfig(frames=config.pretrain),
        evaluate=0,
    )
    run, settings = start_run("pretrain", settings, place, resume=(place / "config.json").is_file())
    if not run.finished:
        pretrain_policy(run, settings, prefixed(stages, name))
    policy = load_policy(place / "policy")
    (frames, test), _ = read_apart(config.dataset, config.test, policy.config, config.smooth)
    spec = make_task(config.task).spec
    simulated = simulated_frames(policy, SIMULATED, place / "policy")
    material = Material(policy, frames, mirror_signs(spec, policy.config.action_names), simulated)
    settings = config.adaptation(place / "policy")
    plans = [find_plan(plan) for plan in PLANS]
    outcome = compare_candidates(settings, material, test, plans, place / "fits", prefixed(stages, name))
    chosen = {c.frames: _auto(material, c.frames, place, stages(f"{name}: auto")) for c in outcome.comparisons}
    behind = {c.frames: best_and_behind(test, c.predictions, chosen[c.frames]) for c in outcome.comparisons}
    return Rung(name, outcome, chosen, behind)


def _auto(material: Material, size: int, place: Path, progress: Progress) -> str:
    """Return the plan that `auto` chooses for a number of frames."""
    limited = dataclasses.replace(material, frames=material.frames.limited(size, np.random.default_rng(0)))
    plans = {name: find_plan(name) for name in ("gain", *PLANS)}
    folder = place / f"auto-{size}"
    choice = choose(limited, plans, folder, progress=progress)
    return choice.candidate if choice.candidate in plans else "gain"


def best_and_behind(test: Frames, predictions: Mapping[str, np.ndarray], plan: str, seed: int = 0) -> Behind:
    """Compare a plan with the best one, which is selected on one half of the test units and compared on the other.

    Args:
        predictions: predictions of the plans, for `Agreement.measure`.
    """
    plans = [name for name in ("gain", *PLANS) if name in predictions]

    def best_on(frames: Frames, where: np.ndarray) -> str:
        agreement = agreement_on(frames)
        errors = {name: agreement.measure(predictions[name][:, where])[test.criterion].value for name in plans}
        return min(errors, key=lambda name: errors[name])

    splits = folds(test, 2, seed)
    if not splits:
        every = np.ones(len(test), bool)
        return Behind(best_on(test, every), None, test.units(), None)
    choosing, comparing = splits[0]
    best, agreement = best_on(test.select(choosing), choosing), agreement_on(test.select(comparing))
    ours, theirs = (predictions[name][:, comparing] for name in (plan, best))
    units = test.units()
    difference = agreement.difference(ours, theirs, test.criterion)
    return Behind(best, difference, units.select(choosing), units.select(comparing))
