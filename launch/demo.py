"""`sim2real demo`: the whole mission at a small size."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs import make_task
from launch.adapt import command as adapt_command
from launch.console import print_rates, reporting, resumable, say, typed_command
from launch.evaluate import command as evaluate
from launch.import_ import command as import_command
from launch.replay import command as replay
from sim2real.checkpoints import load_policy
from sim2real.datasets import EpisodeDataset
from sim2real.datasets.donkeycar.tub import is_tub
from sim2real.datasets.lerobot.version2 import is_version2
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.files import write_json
from sim2real.recordings.rehearsal import Recording, record
from sim2real.replays.config import ReplayConfig
from sim2real.reports.films.rollouts import contact_sheet, film
from sim2real.reports.pages.demo import write_page
from sim2real.runs import Run, start_run
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.pretraining import pretrain
from sim2real.training.teacher import train_teacher
from sim2real.training.teacher_config import TeacherConfig, TrainConfig
from sim2real.transfer.adapt_config import AdaptConfig

TASK = "LaneFollow"


@dataclass(frozen=True)
class Sizes:
    """How much of everything; smaller is for tests."""

    frames: int
    steps: int
    episodes: int
    recorded: int
    seconds: float
    seeds: int


def command(
    out: Path = Path("demo"),
    data: Path | None = None,
    frames: int = 60_000,
    steps: int = 500_000,
    episodes: int = 40,
    recorded: int = 20,
    seconds: float = 20.0,
    seeds: int = 1,
) -> None:
    """Pretrain in simulation, record, adapt, drive before and after, replay: the whole mission, in minutes.

    Without --data the recordings are of the rehearsal car, a simulated stand-in for a real one. A demo that was
    interrupted goes on where it stopped; remove its folder to begin anew.

    Example: sim2real demo --out demo --data path/to/tub

    Args:
        out: folder for everything.
        data: your own recordings: a Donkeycar tub (v2) or a LeRobot v3.0 dataset.
        frames: rendered for the vision policy.
        steps: of the teacher.
        episodes: driven for each success rate.
        recorded: episodes recorded on the rehearsal car.
        seconds: length of each.
        seeds: times that every adaptation is fitted.
    """
    sizes = Sizes(frames, steps, episodes, recorded, seconds, seeds)
    teacher, policy = _settings(out, sizes)
    _claim(out, data, sizes)
    with resumable(typed_command()):
        recordings = None if data is None else _own(out, data)  # first, so that an hour is not lost on a wrong path
        policy = _pretrain(out, teacher, policy)
        recordings = recordings or _record(out, sizes)
        _adapt(out, policy, recordings, sizes)
        if data is None:
            _drive(out, policy, sizes)
        _replay(out, recordings)
        write_page(out / "report.html", out, recordings, typed_command())
    say(f"\neverything: {out}\nbegin with the page: {out / 'report.html'}")


def _claim(out: Path, data: Path | None, sizes: Sizes) -> None:
    """Refuse recordings that are none, and a folder in which a demo of something else was begun."""
    if data is not None and not ((data / "meta").is_dir() or is_tub(data)):
        what = "neither a Donkeycar tub v2 (manifest.json) nor a LeRobot v3.0 or v2.1 dataset (meta/)"
        raise InputError(f"{data} is {what}")
    wanted = {"data": data and str(data.resolve()), **dataclasses.asdict(sizes)}
    path = out / "demo.json"
    if not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, wanted)
    elif json.loads(path.read_text()) != wanted:
        raise InputError(f"{out} has a demo of other recordings or sizes: remove it, or choose another --out")


def _settings(out: Path, sizes: Sizes) -> tuple[TrainConfig, PretrainConfig]:
    """Of teacher and policy; raises InputError for sizes that cannot be, before anything is written."""
    for name in ("frames", "steps"):
        if getattr(sizes, name) < 1:
            raise InputError(f"{name} must be at least 1, not {getattr(sizes, name)}")
    Recording(sizes.recorded, sizes.seconds)
    EvaluateConfig(out, out, on="rehearsal", episodes=sizes.episodes)
    teacher = TrainConfig(TASK, TeacherConfig(steps=sizes.steps), evaluate=sizes.episodes)
    policy = PretrainConfig(
        *(TASK, "dagger", str(out / "teacher")),
        distillation=DistillationConfig(frames=sizes.frames),
        evaluate=sizes.episodes,
        checkpoint_every=200,
    )
    return teacher, policy


def _pretrain(out: Path, teacher_config: TrainConfig, policy_config: PretrainConfig) -> Path:
    """1: a teacher on privileged state, and the vision policy that learns from it; its run's folder."""
    say("1. pretrain in simulation")
    with reporting() as stage:
        run, teacher_config = _start("train", teacher_config, out / "teacher")
        teacher = run.metrics if run.finished else train_teacher(run, teacher_config, stage("train teacher"))
        run, policy_config = _start("pretrain", policy_config, out / "policy")
        vision = run.metrics if run.finished else pretrain(run, policy_config, stage)
    print_rates("teacher, privileged state, unseen worlds", teacher)
    print_rates("vision policy, camera alone, unseen worlds", vision)
    with reporting() as stage:
        report = stage("film")
        if not (out / "frames.png").is_file():
            policy = load_policy(run.folder / "policy")
            film(policy, out / "drive.mp4", progress=report)
            contact_sheet(TASK, out / "frames.png")
    return run.folder


def _own(out: Path, data: Path) -> Path:
    """The user's recordings, imported where they are not a LeRobot v3.0 dataset."""
    say("your recordings")
    place = out / "recordings" if is_tub(data) or is_version2(data) else data
    if not place.is_dir():
        import_command(data, place)
    return _described(place)


def _record(out: Path, sizes: Sizes) -> Path:
    """2: recordings of a camera that pretraining never saw."""
    say("\n2. record the rehearsal car")
    place = out / "recordings"
    if not place.is_dir():
        with reporting() as stage:
            report = stage("record")
            settings = Recording(sizes.recorded, sizes.seconds)
            record(place, settings, report)
    return _described(place)


def _described(place: Path) -> Path:
    opened = EpisodeDataset.open(place)
    opened.camera(next(iter(make_task(TASK).spec.cameras)))
    say(f"{place}: {len(opened)} episodes, {opened.frames} frames")
    return place


def _adapt(out: Path, policy: Path, recordings: Path, sizes: Sizes) -> None:
    say("\n3. adapt, beside the controls")
    settings = AdaptConfig(policy, str(recordings), seeds=sizes.seeds)
    adapt_command(settings, out / "adapted", resume=(out / "adapted" / "config.json").is_file())


def _drive(out: Path, policy: Path, sizes: Sizes) -> None:
    say("\n4. drive the rehearsal car, before and after")
    if (out / "driven" / "metrics.json").is_file():
        say(f"{out / 'driven'} is finished")
        return
    shutil.rmtree(out / "driven", ignore_errors=True)  # quicker to do again than to resume
    evaluate(EvaluateConfig(policy, out / "adapted", on="rehearsal", episodes=sizes.episodes), out / "driven")


def _replay(out: Path, recordings: Path) -> None:
    say("\n5. replay a recorded episode through the policy")
    opened = EpisodeDataset.open(recordings)
    apart = json.loads((out / "adapted" / "metrics.json").read_text())["judged_on"] or [0]
    # Of those that nothing was learned from, one of middle length.
    middle = sorted(apart, key=lambda k: opened.lengths[k])[len(apart) // 2]
    if (out / "replay" / "report.html").is_file():
        say(f"{out / 'replay'} is finished")
        return
    shutil.rmtree(out / "replay", ignore_errors=True)
    # The weights that learned nothing from this episode, where the output was fitted to all of them in the end.
    judged = out / "adapted" / "judged"
    policy = judged if judged.is_dir() else out / "adapted"
    replay(ReplayConfig(str(recordings), str(middle), checkpoint=policy), out / "replay")


def _start(command: str, config: Any, folder: Path) -> tuple[Run, Any]:
    started = (folder / "config.json").is_file()
    if started:
        say(f"going on with {folder} and its settings")
    return start_run(command, config, folder, resume=started)
