"""Training of a teacher in a run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envs import pinned
from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.training.teacher import complete_training, train_teacher
from sim2real.training.teacher_config import TrainConfig


@dataclass(frozen=True)
class TrainResult:
    """A trained teacher.

    Attributes:
        folder: folder of the run, with `teacher.zip`, which Stable-Baselines3 loads, and `metrics.json`.
        config: settings of the training.
        metrics: content of `metrics.json`: steps, and success on the test split with its interval.
    """

    folder: Path
    config: TrainConfig
    metrics: Mapping[str, Any]


def train(
    config: TrainConfig, out: Path | str | None = None, resume: bool = False, stages: Stages = no_stages
) -> TrainResult:
    """Train a teacher on privileged state with Stable-Baselines3, in many parallel worlds.

    Args:
        out: folder of the run; None: a new one under `runs/`, or with resume the newest of this task.
        resume: resume the run in that folder, with the settings it was started with.
        stages: progress: "train".

    Raises:
        InputError: an unknown task, algorithm or preset, a folder in use, or nothing to resume; nothing is written.
        KeyboardInterrupt: after saving, when interrupted.
    """
    config = replace(config, task=pinned(config.task)) if resume else complete_training(config)
    run, config = start_run("train", config, out, resume)
    return TrainResult(run.folder, config, train_teacher(run, config, stages("train")))
