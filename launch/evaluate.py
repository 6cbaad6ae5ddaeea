"""`sim2real evaluate`: how a policy fares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from envs import Camera
from envs.renderer import available_device
from launch.conclude import WHERE, conclude
from launch.console import reporting, say
from policies import Policy
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.errors import InputError
from sim2real.evaluation.rehearsal import evaluate_on_rehearsal
from sim2real.evaluation.simulation import TEST_SEED, Episodes, evaluate_in_simulation
from sim2real.progress import Progress
from sim2real.reports.films.rollouts import film
from sim2real.reports.films.video import check_video
from sim2real.robots.hardware import Hardware
from sim2real.runs import start_run
from sim2real.training.cameras import recipe_cameras
from sim2real.training.teacher import complete_training, load_randomization
from sim2real.training.teacher_config import TrainConfig

BOTH = "both"


@dataclass(frozen=True)
class EvaluateConfig:
    """What `sim2real evaluate` does.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained or adapted it.
        against: a second one, which meets the same episodes; the difference is that of the second to the first.
        more: still others, for `--on both`.
        on: where: in simulation; on the rehearsal robot, a simulated stand-in for a real one that was never trained on;
            on hardware; or `both`: three or more checkpoints in simulation and on the rehearsal robot, and how well the
            one tells the other.
        dataset: compare with these recordings instead of acting: a dataset, or some of its episodes (path[0:17]).
        smooth: seconds to either side over which the actions in recordings are averaged; by default as suits the task.
        episodes: in simulation one per world, all side by side.
        randomization: a preset of the task, or a TOML file; of `--on sim`.
        seed: of the first episode; policies learn from none between 10 million and 2^32.
        video: film the first four worlds to this file; of one checkpoint with `--on sim`.
        seconds: of the film.
        device: where frames are rendered.
        real_time: move the rehearsal robot as hardware is moved, one episode after the other, at its control rate.
        hardware: of `--on robot`.
    """

    checkpoint: Annotated[Path, tyro.conf.arg(metavar="CHECKPOINT")]
    against: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[CHECKPOINT2]")] = None
    more: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="[CHECKPOINT3 ...]")] = ()
    on: Literal["sim", "rehearsal", "robot", "both"] = "sim"
    dataset: str | None = None
    smooth: float | None = None
    episodes: int = 100
    randomization: str = "default"
    seed: int = TEST_SEED
    video: Path | None = None
    seconds: float = 15.0
    device: str = "cpu"
    real_time: bool = False
    hardware: Annotated[Hardware, tyro.conf.arg(name="")] = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise InputError(f"episodes must be at least 1, not {self.episodes}")
        if not 0 < self.seconds < float("inf"):
            raise InputError(f"seconds must be positive, not {self.seconds}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        if self.against is not None and self.dataset is not None:
            raise InputError("--dataset takes one checkpoint: evaluate the second in a run of its own")
        if self.video is not None:
            check_video(self.video)
            if self.against is not None or self.on != "sim" or self.dataset is not None:
                raise InputError("--video films one checkpoint with --on sim")
        if self.on in ("rehearsal", "robot") and self.randomization != "default":
            raise InputError(f"--randomization is for --on sim: {WHERE[self.on]} has a look of its own")
        if self.on != "sim" and self.dataset is not None:
            raise InputError(f"--dataset moves nothing: leave out --on {self.on}")
        if self.real_time and self.on != "rehearsal":
            raise InputError("--real-time is for --on rehearsal: simulation has no clock, and a robot has no choice")
        if self.hardware != Hardware() and self.on != "robot":
            raise InputError("--robot, --port, --camera, --calibration and --move are for --on robot")
        if self.on == BOTH and len(self.checkpoints) < 3:
            raise InputError(f"--on {BOTH} needs three checkpoints at least: two always lie on a line")
        if self.on != BOTH and self.more:
            raise InputError(f"two checkpoints can be compared; with --on {BOTH} three or more are correlated")

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.checkpoint, *(() if self.against is None else (self.against,)), *self.more)

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return self.checkpoint.resolve().name


def command(
    config: Annotated[EvaluateConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Have a policy act in unseen worlds, on the rehearsal robot or on hardware; print its success with the interval.

    With two checkpoints both meet the same episodes; the paired difference is printed, and how many more episodes would
    settle it (who follows this and tests again, finds differences that are not there more often than in 5 % of all
    cases). With --dataset nothing acts: the policy is compared with what people did.

    Example: sim2real evaluate runs/policy runs/adapted --on rehearsal --episodes 40
    """
    if config.dataset is not None:
        from launch.evaluate_dataset import evaluate_dataset

        evaluate_dataset(config, out)
        return
    folders = [policy_folder(path) for path in config.checkpoints]
    policies = [load_policy(folder) for folder in folders]
    available_device(config.device)
    for policy in policies:
        complete_training(TrainConfig(policy.config.task, randomization=config.randomization))
    for folder, policy in zip(folders, policies, strict=True):
        if policy.config.task != policies[0].config.task:
            raise InputError(f"{folder} was made for {policy.config.task}, not for {policies[0].config.task}")
    if config.on == BOTH:
        from launch.correlate import correlate

        correlate(config, policies, folders, out)
        return
    if config.on == "robot" or config.real_time:
        from launch.evaluate_robot import evaluate_robot

        evaluate_robot(config, policies, folders, out)
        return
    run, config = start_run("evaluate", config, out, resume=False)
    with reporting() as stage:
        report = stage("evaluate")
        found = drive(config, policies, folders, report)
    conclude(run, config, policies, folders, found)
    if config.video is not None:
        _film(config, policies[0], recipe_cameras(folders[0]), config.video)
    say(f"run: {run.folder}")


def drive(
    config: EvaluateConfig, policies: Sequence[Policy], folders: Sequence[Path], progress: Progress
) -> list[Episodes]:
    """Episodes of each policy, of the same seeds."""
    if config.on == "rehearsal":
        return evaluate_on_rehearsal(policies, config.episodes, config.seed, progress, device=config.device)
    found = []
    for k, policy in enumerate(policies):

        def report(done: int, total: int, before: int = k) -> None:
            progress(before * total + done, len(policies) * total)

        preprocessing = policy.config.preprocessing
        found.append(
            evaluate_in_simulation(
                policy.act,
                policy.config.task,
                config.episodes,
                observations=("state", preprocessing.key),
                randomization=load_randomization(policy.config.task, config.randomization),
                first_seed=config.seed,
                image_size=preprocessing.size,
                cameras=recipe_cameras(folders[k]),
                device=config.device,
                progress=report,
            )
        )
    return found


def _film(config: EvaluateConfig, policy: Policy, cameras: Mapping[str, Camera], path: Path) -> None:
    with reporting() as stage:
        report = stage("film")
        film(
            *(policy, path),
            seconds=config.seconds,
            randomization=load_randomization(policy.config.task, config.randomization),
            first_seed=config.seed,
            cameras=cameras,
            progress=report,
        )
    say(f"video: {path}")
