"""`sim2real pretrain`: a vision policy from simulation."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_rates, reporting, resumable, resume_command, say
from sim2real.runs import run_folder
from sim2real.training.pretrain_config import PretrainConfig


def command(
    config: Annotated[PretrainConfig, tyro.conf.arg(name="")], out: Path | None = None, resume: bool = False
) -> None:
    """Pretrain a vision policy in simulation: a teacher's labels on streamed frames, or PPO from pixels.

    Example: sim2real pretrain LaneFollow --frames 300000 --out runs/policy

    Args:
        config: what to pretrain.
        out: folder of the run; by default a new one under runs/.
        resume: go on with the run in that folder, or with the newest, with the settings it was started with.
    """
    # Only here, as torch and MuJoCo take seconds to import: --help does without them.
    from sim2real.training.pretrain import pretrain

    out = out or run_folder("pretrain", config, resume)
    with resumable(resume_command(out), out), reporting(f"run: {out}") as stages:
        result = pretrain(config, out, resume, stages)
    print_rates(f"{config.task}: vision policy on unseen worlds ({result.config.randomization})", result.metrics)
    say(f"policy: {out / 'policy'}\ncurves: tensorboard --logdir {out / 'tensorboard'}")
