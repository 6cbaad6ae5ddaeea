"""`sim2real train`: a teacher on privileged state."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_rates, reporting, resumable, resume_command, say
from sim2real.runs import start_run
from sim2real.training.teacher_config import TrainConfig


def command(
    config: Annotated[TrainConfig, tyro.conf.arg(name="")], out: Path | None = None, resume: bool = False
) -> None:
    """Train a teacher on privileged state with Stable-Baselines3, many worlds at once.

    Example: sim2real train LaneFollow --algorithm ppo --steps 800000 --out runs/teacher

    Args:
        config: what to train.
        out: folder of the run; by default a new one under runs/.
        resume: go on with the run in that folder, or with the newest, with the settings it was started with.
    """
    # Only here, as torch and MuJoCo take seconds to import: --help does without them.
    from sim2real.training.teacher import complete_training, train_teacher

    if not resume:
        config = complete_training(config)
    run, config = start_run("train", config, out, resume)
    say(f"run: {run.folder}")
    with resumable(resume_command(run.folder)), reporting() as stage:
        metrics = train_teacher(run, config, stage("train"))
    print_rates(f"{config.task}: teacher on unseen worlds ({config.randomization})", metrics)
    say(f"teacher: {run.folder / 'teacher.zip'}\ncurves: tensorboard --logdir {run.tensorboard}")
