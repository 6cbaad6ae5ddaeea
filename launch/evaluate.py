"""`sim2real evaluate`: how a policy fares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from envs import Camera
from envs.renderer import available_device
from launch.checkpoints import policy_folder
from launch.console import print_rates, reporting, say
from launch.tables import print_table
from policies import Policy, load_policy
from sim2real.cameras import recipe_cameras
from sim2real.evaluation import TEST_SEED, Episodes, evaluate_in_simulation
from sim2real.film import film
from sim2real.frames import SMOOTHING
from sim2real.rehearsal import Progress, evaluate_on_rehearsal
from sim2real.runs import start_run
from sim2real.statistics import Rate, RateDifference
from sim2real.training import TrainConfig, load_randomization
from sim2real.video import check_video

WHERE = {"sim": "unseen simulated worlds", "rehearsal": "the rehearsal car"}


@dataclass(frozen=True)
class EvaluateConfig:
    """What `sim2real evaluate` does.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained or adapted it.
        against: a second one, driven in the same episodes; the difference is that of the second to the first.
        on: where to drive: in simulation, or the rehearsal car, a stand-in for a real one that was never trained on.
        dataset: compare with these recordings instead of driving: a dataset, or some of its episodes (path[0:17]).
        smooth: seconds to either side over which the actions in recordings are averaged.
        episodes: one per world, all side by side.
        randomization: a preset of the task, or a TOML file; of `--on sim`.
        seed: of the first episode.
        video: film the first four worlds to this file; of one checkpoint with `--on sim`.
        seconds: of the film.
        device: where frames are rendered.
    """

    checkpoint: Annotated[Path, tyro.conf.arg(metavar="CHECKPOINT")]
    against: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[CHECKPOINT2]")] = None
    on: Literal["sim", "rehearsal"] = "sim"
    dataset: str | None = None
    smooth: float = SMOOTHING
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
        if self.against is not None and self.dataset is not None:
            raise ValueError("--dataset takes one checkpoint: evaluate the second in a run of its own")
        if self.video is not None:
            check_video(self.video)
            if self.against is not None or self.on != "sim" or self.dataset is not None:
                raise ValueError("--video films one checkpoint with --on sim")
        if self.on == "rehearsal" and self.randomization != "default":
            raise ValueError("--randomization is for --on sim: the rehearsal car has a look of its own")
        if self.on == "rehearsal" and self.dataset is not None:
            raise ValueError("--dataset drives nowhere: leave out --on rehearsal")

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return self.checkpoint.resolve().name


def evaluate(
    config: Annotated[EvaluateConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Drive a policy in unseen worlds, or on the rehearsal car; print its success with the 95 % Wilson interval.

    With two checkpoints both meet the same episodes, and the paired difference is printed. With --dataset nothing is
    driven: the policy is compared with what people did.

    Example: sim2real evaluate runs/policy runs/adapted --on rehearsal --episodes 40
    """
    if config.dataset is not None:
        from launch.evaluate_dataset import evaluate_dataset

        evaluate_dataset(config, out)
        return
    folders = [policy_folder(path) for path in (config.checkpoint, config.against) if path is not None]
    policies = [load_policy(folder) for folder in folders]
    available_device(config.device)
    for policy in policies:
        TrainConfig(policy.config.task, randomization=config.randomization).check()
    if len({policy.config.task for policy in policies}) > 1:
        raise ValueError(f"{folders[1]} was made for {policies[1].config.task}, not for {policies[0].config.task}")
    run, config = start_run("evaluate", config, out, resume=False)
    with reporting() as stage:
        report = stage("evaluate")
        found = _drive(config, policies, folders, lambda done, total: report(done, total, {}))
    where = WHERE[config.on] + (f" ({config.randomization})" if config.on == "sim" else "")
    metrics = found[0].summary()
    if config.against is None:
        print_rates(f"{policies[0].config.task}: {folders[0]} on {where}", metrics)
    else:
        difference = RateDifference.of(found[0].success, found[1].success)
        metrics |= {"against": found[1].summary(), "difference": difference.to_dict()}
        _print_both(f"{policies[0].config.task} on {where}, the same {config.episodes} episodes", folders, found)
        _print_difference(difference)
    run.write_metrics({"finished": True, "on": config.on, **metrics})
    if config.video is not None:
        _film(config, policies[0], recipe_cameras(folders[0]), config.video)
    say(f"run: {run.folder}")


def _drive(
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


def _print_both(title: str, folders: Sequence[Path], found: Sequence[Episodes]) -> None:
    """A row per checkpoint."""
    rows: list[list[Any]] = []
    for folder, episodes in zip(folders, found, strict=True):
        rate, n = Rate.of(int(episodes.success.sum()), len(episodes.success)), len(episodes.success)
        interval = f"{100 * rate.low:.1f} … {100 * rate.high:.1f} %"
        rows.append([str(folder), f"{100 * rate.value:.1f} %", interval, f"{episodes.success.sum()} of {n}"])
    print_table(("checkpoint", "success", "95 % interval", "episodes"), rows, title=title)


def _print_difference(difference: RateDifference) -> None:
    low, high = 100 * difference.low, 100 * difference.high
    say(f"difference, second less first: {100 * difference.value:+.1f} points, 95 % interval {low:+.1f} … {high:+.1f}")
    say(f"episodes that only the second drove: {difference.won}, only the first: {difference.lost}")
    say(f"exact McNemar test: p = {difference.p_value:.2g}")


def _film(config: EvaluateConfig, policy: Policy, cameras: Mapping[str, Camera], path: Path) -> None:
    with reporting() as stage:
        report = stage("film")
        film(
            *(policy, path),
            seconds=config.seconds,
            randomization=load_randomization(policy.config.task, config.randomization),
            first_seed=config.seed,
            cameras=cameras,
            progress=lambda done, total: report(done, total, {}),
        )
    say(f"video: {path}")
