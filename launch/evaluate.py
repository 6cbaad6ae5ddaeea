"""`sim2real evaluate`: how a policy fares."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from envs.renderer import available_device
from launch.console import print_rates, reporting, say
from policies import load_policy
from sim2real.evaluation import TEST_SEED, evaluate_in_simulation
from sim2real.film import film
from sim2real.runs import start_run
from sim2real.training import TrainConfig, load_randomization
from sim2real.video import check_video


@dataclass(frozen=True)
class EvaluateConfig:
    """What `sim2real evaluate` does.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained it.
        on: where to drive it.
        episodes: one per world, all side by side.
        randomization: a preset of the task, or a TOML file.
        seed: of the first episode.
        video: film the first four worlds to this file.
        seconds: of the film.
    """

    checkpoint: Annotated[Path, tyro.conf.arg(metavar="CHECKPOINT")]
    on: Literal["sim"] = "sim"
    episodes: int = 100
    randomization: str = "default"
    seed: int = TEST_SEED
    video: Path | None = None
    seconds: float = 15.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ValueError(f"episodes must be at least 1, not {self.episodes}")
        if not 0 < self.seconds < float("inf"):
            raise ValueError(f"seconds must be positive, not {self.seconds}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")
        if self.video is not None:
            check_video(self.video)

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return self.checkpoint.resolve().name


def evaluate(
    config: Annotated[EvaluateConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Drive a policy in unseen worlds; print its success with the 95 % Wilson interval.

    Example: sim2real evaluate runs/policy --on sim --episodes 100 --video runs/drive.mp4
    """
    folder = _policy_folder(config.checkpoint)
    policy = load_policy(folder)
    available_device(config.device)
    TrainConfig(policy.config.task, randomization=config.randomization).check()
    randomization = load_randomization(policy.config.task, config.randomization)
    run, config = start_run("evaluate", config, out, resume=False)
    with reporting() as stage:
        report = stage("evaluate")
        episodes = evaluate_in_simulation(
            policy.act,
            policy.config.task,
            config.episodes,
            observations=("state", policy.config.preprocessing.key),
            randomization=randomization,
            first_seed=config.seed,
            image_size=policy.config.preprocessing.size,
            device=config.device,
            progress=lambda done, total: report(done, total, {}),
        )
    metrics = episodes.summary()
    run.write_metrics({"finished": True, **metrics})
    print_rates(f"{policy.config.task}: {folder} on unseen simulated worlds ({config.randomization})", metrics)
    if config.video is not None:
        with reporting() as stage:
            report = stage("film")
            film(
                *(policy, config.video),
                seconds=config.seconds,
                randomization=randomization,
                first_seed=config.seed,
                progress=lambda done, total: report(done, total, {}),
            )
        say(f"video: {config.video}")
    say(f"run: {run.folder}")


def _policy_folder(path: Path) -> Path:
    """Of a run's policy, or path itself; raises ValueError for a run that has none yet."""
    if (path / "policy").is_dir():
        return path / "policy"
    if (path / "tensorboard").is_dir():
        raise ValueError(f"{path} has no policy: either `sim2real pretrain` did not finish (--resume), or it never ran")
    return path
