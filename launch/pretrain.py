"""`sim2real pretrain`: a vision policy from simulation."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_rates, reporting, resumable, resume_command, say
from sim2real.runs import start_run
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
    from sim2real.training.pretraining import complete_pretraining, pretrain

    if not resume:
        config = complete_pretraining(config)
    run, config = start_run("pretrain", config, out, resume)
    say(f"run: {run.folder}")
    with resumable(resume_command(run.folder)), reporting() as stage:
        metrics = pretrain(run, config, stage)
    print_rates(f"{config.task}: vision policy on unseen worlds ({config.randomization})", metrics)
    say(f"policy: {run.folder / 'policy'}\ncurves: tensorboard --logdir {run.tensorboard}")
