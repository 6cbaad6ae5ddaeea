"""`sim2real pretrain`: pretrain a vision policy in simulation."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_rates, reporting, resumable, resume_command, say
from sim2real.runs import run_folder
from sim2real.training.pretrain_config import PretrainConfig


def command(
    config: Annotated[PretrainConfig, tyro.conf.arg(name="")], out: Path | None = None, resume: bool = False
) -> None:
    """Pretrain a vision policy in simulation: from a teacher's labels on streamed frames, or with PPO from pixels.

    Example: sim2real pretrain LaneFollow --frames 300000 --out runs/policy

    Args:
        config: what to pretrain.
        out: folder of the run; by default a new one under runs/.
        resume: resume the run in that folder, or the newest run, with the settings it was started with.
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from sim2real.training.pretrain import pretrain

    out = out or run_folder("pretrain", config, resume)
    with resumable(resume_command(out), out), reporting(f"run: {out}") as stages:
        result = pretrain(config, out, resume, stages)
    print_rates(f"{config.task}: vision policy on unseen worlds ({result.config.randomization})", result.metrics)
    say(f"policy: {out / 'policy'}\ncurves: tensorboard --logdir {out / 'tensorboard'}")
