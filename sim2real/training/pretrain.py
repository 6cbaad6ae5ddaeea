"""Pretraining of a vision policy in a run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envs import pinned
from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import complete_pretraining, pretrain_policy


@dataclass(frozen=True)
class PretrainResult:
    """A pretrained policy.

    Attributes:
        folder: folder of the run, with `policy/` and `metrics.json`.
        config: settings of the pretraining.
        metrics: content of `metrics.json`: frames or steps, and success on the test split with its interval.
    """

    folder: Path
    config: PretrainConfig
    metrics: Mapping[str, Any]


def pretrain(
    config: PretrainConfig, out: Path | str | None = None, resume: bool = False, stages: Stages = no_stages
) -> PretrainResult:
    """Pretrain a vision policy in simulation: from a teacher's labels on streamed frames, or with PPO from pixels.

    Args:
        out: folder of the run; None: a new one under `runs/`, or with resume the newest of this task.
        resume: resume the run in that folder, with the settings it was started with.
        stages: progress: "train teacher" if none is given, "pretrain", "evaluate".

    Raises:
        InputError: an unknown task, preset, device or teacher, a folder in use, or nothing to resume; nothing is
            written.
        KeyboardInterrupt: after saving, when interrupted.
    """
    config = replace(config, task=pinned(config.task)) if resume else complete_pretraining(config)
    run, config = start_run("pretrain", config, out, resume)
    return PretrainResult(run.folder, config, pretrain_policy(run, config, stages))
