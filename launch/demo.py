"""`sim2real demo`: the whole mission at a small size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch.adapt import adapt_command
from launch.console import print_rates, reporting, resumable, say, typed_command
from launch.demo_report import write_page
from launch.evaluate import EvaluateConfig, evaluate
from launch.import_ import import_command
from launch.replay import ReplayConfig, replay
from policies import load_policy
from policies.distillation import DistillationConfig
from policies.teacher import TeacherConfig
from sim2real.datasets import EpisodeDataset
from sim2real.datasets.tub import is_tub
from sim2real.film import contact_sheet, film
from sim2real.pretraining import PretrainConfig, pretrain
from sim2real.rehearsal import Recording, record
from sim2real.runs import Run, start_run
from sim2real.training import TrainConfig, train_teacher
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


def demo(
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
    if data is not None and not (data / "meta").is_dir() and not is_tub(data):
        raise ValueError(f"{data} is neither a Donkeycar tub v2 (manifest.json) nor a LeRobot v3.0 dataset (meta/)")
    sizes = Sizes(frames, steps, episodes, recorded, seconds, seeds)
    with resumable(typed_command()):
        policy = _pretrain(out, sizes)
        recordings = _recordings(out, data, sizes)
        _adapt(out, policy, recordings, sizes)
        if data is None:
            _drive(out, policy, sizes)
        _replay(out, recordings)
        write_page(out / "report.html", out, recordings, typed_command())
    say(f"\neverything: {out}\nbegin with the page: {out / 'report.html'}")


def _pretrain(out: Path, sizes: Sizes) -> Path:
    """1: a teacher on privileged state, and the vision policy that learns from it; its run's folder."""
    say("1/5 pretrain in simulation")
    teacher_config = TrainConfig(TASK, TeacherConfig(steps=sizes.steps), evaluate=sizes.episodes)
    distillation = DistillationConfig(frames=sizes.frames)
    policy_config = PretrainConfig(
        *(TASK, "dagger", str(out / "teacher")),
        distillation=distillation,
        evaluate=sizes.episodes,
        checkpoint_every=200,
    )
    with reporting() as stage:
        run, teacher_config = _start("train", teacher_config, out / "teacher")
        teacher = run.metrics if run.finished else train_teacher(run, teacher_config, stage("train teacher"))
        run, policy_config = _start("pretrain", policy_config, out / "policy")
        vision = run.metrics if run.finished else pretrain(run, policy_config, stage)
    print_rates("teacher, privileged state, unseen worlds", teacher)
    print_rates("vision policy, camera alone, unseen worlds", vision)
    with reporting() as stage:
        report = stage("film")
        if not (out / "drive.mp4").is_file():
            policy = load_policy(run.folder / "policy")
            film(policy, out / "drive.mp4", progress=lambda done, total: report(done, total, {}))
            contact_sheet(TASK, out / "frames.png")
    return run.folder


def _recordings(out: Path, data: Path | None, sizes: Sizes) -> Path:
    """2: recordings of a camera that pretraining never saw."""
    place = out / "recordings"
    if data is None:
        say("\n2/5 record the rehearsal car")
        if not place.is_dir():
            with reporting() as stage:
                report = stage("record")
                settings = Recording(sizes.recorded, sizes.seconds)
                record(place, settings, lambda done, total: report(done, total, {}))
    elif (data / "meta").is_dir():
        say("\n2/5 your recordings")
        place = data
    else:
        say("\n2/5 import your recordings")
        if not place.is_dir():
            import_command(data, place)
    opened = EpisodeDataset.open(place)
    say(f"{place}: {len(opened)} episodes, {opened.frames} frames")
    return place


def _adapt(out: Path, policy: Path, recordings: Path, sizes: Sizes) -> None:
    say("\n3/5 adapt, beside the control arms")
    settings = AdaptConfig(policy, str(recordings), seeds=sizes.seeds)
    adapt_command(settings, out / "adapted", resume=(out / "adapted" / "config.json").is_file())


def _drive(out: Path, policy: Path, sizes: Sizes) -> None:
    say("\n4/5 drive the rehearsal car, before and after")
    if (out / "driven" / "metrics.json").is_file():
        say(f"{out / 'driven'} is finished")
        return
    _discard(out / "driven")
    evaluate(EvaluateConfig(policy, out / "adapted", on="rehearsal", episodes=sizes.episodes), out / "driven")


def _replay(out: Path, recordings: Path) -> None:
    say("\n5/5 replay a recorded episode through the policy")
    lengths = EpisodeDataset.open(recordings).lengths
    middle = int(lengths.argsort()[len(lengths) // 2])
    if (out / "replay" / "metrics.json").is_file():
        say(f"{out / 'replay'} is finished")
        return
    _discard(out / "replay")
    replay(ReplayConfig(str(recordings), str(middle), checkpoint=out / "adapted"), out / "replay")


def _discard(folder: Path) -> None:
    """What an interrupted start left, of work that is quicker to do again than to resume."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _start(command: str, config: Any, folder: Path) -> tuple[Run, Any]:
    started = (folder / "config.json").is_file()
    if started:
        say(f"going on with {folder} and its settings")
    return start_run(command, config, folder, resume=started)
