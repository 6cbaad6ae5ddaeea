"""`sim2real demo`: the complete pipeline at a small size."""

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch.adapt import command as adapt
from launch.console import print_rates, reporting, resumable, say, typed_command
from launch.evaluate import command as evaluate
from launch.import_ import command as import_recordings
from launch.parts import Parts
from launch.replay import command as replay
from sim2real.collection.config import RecordConfig
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.files import read_json, write_json
from sim2real.replays.config import ReplayConfig
from sim2real.runs import Run
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.teacher_config import TeacherConfig, TrainConfig
from sim2real.transfer.adapt_config import AdaptConfig

TASK = "LaneFollow"
IMPORT, TEACHER = "read your recordings", "train a teacher on the simulator's own state"
POLICY, FILM = "pretrain a vision policy from the teacher", "film it in unseen worlds"
RECORD, ADAPT = "record the rehearsal car", "adapt the policy to the recordings, beside the control candidates"
DRIVE = "drive the rehearsal car, before and after"
REPLAY = "replay a recorded episode through the policy"


@dataclass(frozen=True)
class Sizes:
    """Sizes of all steps; tests use smaller ones."""

    frames: int
    steps: int
    episodes: int
    recorded: int
    seconds: float
    seeds: int


def command(
    out: Path = Path("demo"),
    data: Path | None = None,
    frames: int = 45_000,
    steps: int = 350_000,
    episodes: int = 40,
    recorded: int = 20,
    seconds: float = 20.0,
    seeds: int = 1,
) -> None:
    """Pretrain in simulation, record, adapt, drive before and after, replay: the complete pipeline in minutes.

    Without --data the recordings come from the rehearsal car, a simulated stand-in for a real one. An interrupted demo
    resumes with the same command; remove its folder to start again.

    Example: sim2real demo --out demo --data path/to/tub

    Args:
        out: folder for all results.
        data: your own recordings: a Donkeycar tub (v2), or a LeRobot v3.0 or v2.1 dataset.
        frames: number of frames rendered to train the vision policy.
        steps: number of environment steps to train the teacher.
        episodes: number of test episodes per success rate.
        recorded: number of episodes recorded on the rehearsal car.
        seconds: length of each recorded episode [s].
        seeds: number of repetitions of every fit.
    """
    from sim2real.reports.pages.demo import write_page

    sizes = Sizes(frames, steps, episodes, recorded, seconds, seeds)
    teacher, policy = _settings(out, sizes)
    _claim(out, data, sizes)
    part = Parts(_expected(sizes, data is not None), say).part
    with resumable(typed_command()):
        recordings = None
        if data is not None:  # first, so that a wrong path fails before an hour of training
            with part(IMPORT):
                recordings = _own(out, data)
        with part(TEACHER):
            _teach(out, teacher)
        with part(POLICY):
            _pretrain(out, policy)
        with part(FILM):
            _film(out)
        if recordings is None:
            with part(RECORD):
                recordings = _record(out, sizes)
        with part(ADAPT):
            _adapt(out, recordings, sizes)
        if data is None:
            with part(DRIVE):
                _drive(out, sizes)
        with part(REPLAY):
            _replay(out, recordings)
        write_page(out / "report.html", out, recordings, typed_command())
    say(f"\neverything: {out}\nbegin with the page: {out / 'report.html'}")


def _claim(out: Path, data: Path | None, sizes: Sizes) -> None:
    """Refuse a path without recordings, and a folder that holds a demo with other settings."""
    from sim2real.datasets.donkeycar.tub import is_tub

    if data is not None and not ((data / "meta").is_dir() or is_tub(data)):
        problem = "neither a Donkeycar tub v2 (manifest.json) nor a LeRobot v3.0 or v2.1 dataset (meta/)"
        raise InputError(f"{data} is {problem}")
    wanted = {"data": data and str(data.resolve()), **dataclasses.asdict(sizes)}
    path = out / "demo.json"
    if not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, wanted)
    elif read_json(path) != wanted:
        raise InputError(f"{out} has a demo of other recordings or sizes: remove it, or choose another --out")


def _settings(out: Path, sizes: Sizes) -> tuple[TrainConfig, PretrainConfig]:
    """Return the settings of teacher and policy; raises InputError for invalid sizes before anything is written."""
    for name in ("frames", "steps"):
        if getattr(sizes, name) < 1:
            raise InputError(f"{name} must be at least 1, not {getattr(sizes, name)}")
    RecordConfig(episodes=sizes.recorded, seconds=sizes.seconds)
    EvaluateConfig(out, out, on="rehearsal", episodes=sizes.episodes)
    teacher = TrainConfig(TASK, TeacherConfig(steps=sizes.steps), evaluate=sizes.episodes)
    policy = PretrainConfig(
        *(TASK, "dagger", str(out / "teacher")),
        distillation=DistillationConfig(frames=sizes.frames, batch_size=64),  # few frames want many updates
        evaluate=sizes.episodes,
        checkpoint_every=200,
    )
    return teacher, policy


def _expected(sizes: Sizes, own: bool) -> dict[str, float]:
    """Return the expected seconds per part on two idle cores, with the user's recordings (`own`) or without."""
    recorded = sizes.recorded * sizes.seconds
    seconds = {
        IMPORT: 10.0,
        TEACHER: 5 + 1e-4 * sizes.steps,
        POLICY: 10 + 2e-3 * sizes.frames + 0.4 * sizes.episodes,
        FILM: 10.0,
        RECORD: 5 + 0.05 * recorded,
        ADAPT: 30 + 20 * sizes.seeds,
        DRIVE: 5 + 1.5 * sizes.episodes,
        REPLAY: 8.0,
    }
    left_out = (RECORD, DRIVE) if own else (IMPORT,)
    return {name: value for name, value in seconds.items() if name not in left_out}


def _teach(out: Path, config: TrainConfig) -> None:
    """Train a teacher on privileged state."""
    from sim2real.training.train import train

    metrics = _finished(out / "teacher")
    if not metrics:
        with reporting() as stages:
            metrics = train(config, out / "teacher", _begun(out / "teacher"), stages).metrics
    print_rates("teacher, privileged state, unseen worlds", metrics)


def _pretrain(out: Path, config: PretrainConfig) -> None:
    """Pretrain the vision policy that learns from the teacher."""
    from sim2real.training.pretrain import pretrain

    metrics = _finished(out / "policy")
    if not metrics:
        with reporting() as stages:
            metrics = pretrain(config, out / "policy", _begun(out / "policy"), stages).metrics
    print_rates("vision policy, camera alone, unseen worlds", metrics)


def _film(out: Path) -> None:
    """Film the policy in unseen worlds, and draw what its camera sees."""
    from sim2real.checkpoints import load_policy
    from sim2real.reports.films.rollouts import contact_sheet, film

    if (out / "frames.png").is_file():
        return
    with reporting() as stages:
        film(load_policy(out / "policy" / "policy"), out / "drive.mp4", progress=stages("film"))
        contact_sheet(TASK, out / "frames.png")


def _own(out: Path, data: Path) -> Path:
    """Import the user's recordings unless they already are a LeRobot v3.0 dataset; returns the dataset."""
    from sim2real.datasets.importing import importable

    dataset = out / "recordings" if importable(data) else data
    if not dataset.is_dir():
        import_recordings(data, dataset)
    return _described(dataset)


def _record(out: Path, sizes: Sizes) -> Path:
    """Record a camera that pretraining never saw; returns the dataset."""
    from sim2real.collection.record import record

    dataset = out / "recordings"
    if not dataset.is_dir():
        with reporting() as stages:
            record(RecordConfig(episodes=sizes.recorded, seconds=sizes.seconds), dataset, stages)
    return _described(dataset)


def _described(folder: Path) -> Path:
    """Say how much is in a dataset, and check that it has the task's camera."""
    from envs import make_task
    from sim2real.datasets import EpisodeDataset

    dataset = EpisodeDataset.open(folder)
    dataset.camera(next(iter(make_task(TASK).spec.cameras)))
    say(f"{folder}: {len(dataset)} episodes, {dataset.frames} frames")
    return folder


def _adapt(out: Path, recordings: Path, sizes: Sizes) -> None:
    config = AdaptConfig(out / "policy", str(recordings), "sensor-shift", seeds=sizes.seeds)
    adapt(config, out / "adapted", resume=_begun(out / "adapted"))


def _drive(out: Path, sizes: Sizes) -> None:
    if not _done(out / "driven", last="metrics.json"):
        config = EvaluateConfig(out / "policy", out / "adapted", on="rehearsal", episodes=sizes.episodes)
        evaluate(config, out / "driven")


def _replay(out: Path, recordings: Path) -> None:
    from sim2real.datasets import EpisodeDataset

    dataset = EpisodeDataset.open(recordings)
    held_out = read_json(out / "adapted" / "metrics.json")["judged_on"] or [0]
    # An episode of median length that nothing was learned from.
    middle = sorted(held_out, key=lambda k: dataset.lengths[k])[len(held_out) // 2]
    if not _done(out / "replay", last="report.html"):
        # If the output was fitted to all episodes in the end, use the judged weights, which never saw this one.
        judged = out / "adapted" / "judged"
        policy = judged if judged.is_dir() else out / "adapted"
        replay(ReplayConfig(str(recordings), str(middle), checkpoint=policy), out / "replay")


def _begun(folder: Path) -> bool:
    """Return whether an earlier start began this run, and print that it is resumed."""
    begun = (folder / "config.json").is_file()
    if begun:
        say(f"resuming {folder} with its settings")
    return begun


def _finished(folder: Path) -> Mapping[str, Any]:
    """Return the metrics of a finished run; empty if it is not finished."""
    run = Run(folder, True)
    return run.metrics if run.finished else {}


def _done(folder: Path, last: str) -> bool:
    """Return whether a short run is finished; an unfinished one is removed, as repeating it is quicker than resuming.

    Args:
        last: the file that the run writes last.
    """
    if (folder / last).is_file():
        say(f"{folder} is finished")
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False
