"""The study: each part's measurements, and what follows from them, behind `sim2real study`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs import make_task
from sim2real.checkpoints import WEIGHTS, policy_folder
from sim2real.errors import InputError
from sim2real.files.atomic import read_versioned_json, write_json
from sim2real.models.hashes import content_hash
from sim2real.progress import Stages, no_stages, prefixed
from sim2real.runs import start_run
from sim2real.studies.cells import open_policy
from sim2real.studies.freeze_depth import FreezeDepth
from sim2real.studies.learning_rate import LearningRate
from sim2real.studies.measurements import run_measurements
from sim2real.studies.part import Part, Summary, plain
from sim2real.studies.shared_trunk import SharedTrunk
from sim2real.studies.similarity import SimilaritySize
from sim2real.studies.study_config import TASK, StudyConfig
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config
from sim2real.training.teacher import load_teacher, teacher_folder
from sim2real.training.teacher_checkpoints import FINAL

FORMAT_VERSION = 1
INPUTS = "inputs.json"
TRUNK = "shared-trunk"
MAKERS: Mapping[str, Callable[[StudyConfig, Path], Part]] = {
    TRUNK: SharedTrunk,
    "similarity-size": SimilaritySize,
    "freeze-depth": FreezeDepth,
    "learning-rate": LearningRate,
}


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        folder: folder of the run: `metrics.json`, and a folder with the figures of each part's measurements.
        config: its settings.
        summaries: by part.
        metrics: content of `metrics.json`.
    """

    folder: Path
    config: StudyConfig
    summaries: Mapping[str, Summary]
    metrics: dict[str, Any]


def study(config: StudyConfig, out: Path | None = None, resume: bool = False, stages: Stages = no_stages) -> Study:
    """Measure all parts of a study, or those that an interrupted run lacks.

    Args:
        out: folder of the run; None: a new one under runs/.
        resume: resume an interrupted run, with the settings that it was started with.
        stages: progress: per part what it prepares, and its measurements.

    Raises:
        InputError: settings, teacher, policy or folder cannot be used.
        KeyboardInterrupt: when interrupted; finished measurements are kept.
    """
    if not resume:
        _check(config)
    run, config = start_run("study", config if resume else config.located(), out, resume)
    _keep_to_inputs(run.folder / INPUTS, config)
    summaries: dict[str, Summary] = {}
    for name in config.parts:
        part = MAKERS[name](config, run.folder)
        shown = prefixed(stages, name)
        part.prepare(shown)
        results = run_measurements(part.measurements, run.folder / name, shown)
        summaries[name] = part.summary(results)
    run.write_metrics(
        {
            "finished": True,
            "full": config.full,
            "seeds": list(config.drawn),
            "parts": {name: plain(summary) for name, summary in summaries.items()},
        }
    )
    return Study(run.folder, config, summaries, run.metrics)


def _keep_to_inputs(path: Path, config: StudyConfig) -> None:
    """Refuse to go on with another policy or teacher: figures of two would be compared as if they were of one."""
    here = {} if config.teacher is None else {"teacher": content_hash(teacher_folder(config.teacher) / FINAL)}
    if _has_policy(config):
        here |= {"policy": content_hash(policy_folder(config.pretrained) / WEIGHTS)}
    if not path.exists():
        write_json(path, {"format_version": FORMAT_VERSION, **here})
    kept = read_versioned_json(path, FORMAT_VERSION)
    for name, value in here.items():
        if kept.get(name) != value:
            raise InputError(
                f"the {name} is not the one that {path.parent} was begun with: begin another study (--out)"
            )


def _has_policy(config: StudyConfig) -> bool:
    """Return whether a pretrained policy is used: all parts but one adapt one."""
    return config.policy is not None or set(config.parts) != {TRUNK}


def _check(config: StudyConfig) -> None:
    """Open teacher and policy, so that a wrong path fails before an hour of training, and leaves no folder."""
    if config.teacher is not None:
        load_teacher(config.teacher, TASK)
    if _has_policy(config):
        policy = open_policy(config.pretrained).config
        usual = policy_config(make_task(TASK).spec, PretrainConfig(TASK))
        alike = (policy.preprocessing, policy.heads.masks) == (usual.preprocessing, usual.heads.masks)
        if TRUNK in config.parts and config.policy is not None and not alike:
            made = f"`pretrain {TASK}` makes them by dagger"
            raise InputError(f"{config.policy}: {TRUNK} needs a policy with the usual images and maps, as {made}")
