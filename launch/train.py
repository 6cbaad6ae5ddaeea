"""`sim2real train`: train a teacher on privileged state."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_rates, reporting, resumable, resume_command, say
from sim2real.runs import run_folder
from sim2real.training.teacher_config import TrainConfig


def command(
    config: Annotated[TrainConfig, tyro.conf.arg(name="")], out: Path | None = None, resume: bool = False
) -> None:
    """Train a teacher on privileged state with Stable-Baselines3, in many parallel worlds.

    Example: sim2real train LaneFollow --algorithm ppo --steps 800000 --out runs/teacher

    Args:
        config: what to train.
        out: folder of the run; by default a new one under runs/.
        resume: resume the run in that folder, or the newest run, with the settings it was started with.
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from sim2real.training.train import train

    out = out or run_folder("train", config, resume)
    with resumable(resume_command(out), out), reporting(f"run: {out}") as stages:
        result = train(config, out, resume, stages)
    print_rates(f"{config.task}: teacher on unseen worlds ({result.config.randomization})", result.metrics)
    say(f"teacher: {out / 'teacher.zip'}\ncurves: tensorboard --logdir {out / 'tensorboard'}")
