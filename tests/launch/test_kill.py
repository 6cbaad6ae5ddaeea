"""Runs that are killed, interrupted, or out of disk: what was done is kept, said, and gone on from."""

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sim2real.runs import start_run
from sim2real.training.teacher import train_teacher
from sim2real.training.teacher_config import TeacherConfig, TrainConfig

pytestmark = pytest.mark.slow
Start = Callable[..., "subprocess.Popen[str]"]
Command = Callable[..., Any]
SIZES = {
    "train": ("--worlds", 64, "--steps", 40_000, "--hidden", 8, "--checkpoint-every", 2000, "--evaluate", 1),
    "pretrain": (
        *("--worlds", 8, "--frames", 600, "--buffer", 600, "--batch-size", 32, "--reuse", 8, "--width", 4),
        *("--checkpoint-every", 10, "--evaluate", 1),
    ),
}
TOTAL, STRIDE = {"train": 40_000, "pretrain": 150}, {"train": 2048, "pretrain": 20}  # of updates, or steps of worlds
CURVE = {"train": "time/fps", "pretrain": "pretrain/loss"}
VERBS = pytest.mark.parametrize("verb", SIZES)


@pytest.fixture(scope="module")
def command_lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple]:
    """Words of each verb, without a folder for the run; `pretrain` has a teacher that learned nothing."""
    config = TrainConfig("LaneFollow", TeacherConfig(steps=500, hidden=(8,)), worlds=16, evaluate=0)
    run, config = start_run("train", config, tmp_path_factory.mktemp("teacher") / "run", resume=False)
    train_teacher(run, config, lambda *_: None)
    words = {verb: (verb, "LaneFollow", *options) for verb, options in SIZES.items()}
    return words | {"pretrain": (*words["pretrain"], "--teacher", run.folder)}


@pytest.fixture(scope="module")
def killed(command_lines: dict[str, tuple], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """Copies of a run that was killed after its second checkpoint."""
    runs: dict[str, Path] = {}

    def copy(verb: str, to: Path) -> Path:
        if verb not in runs:
            run = tmp_path_factory.mktemp(verb) / "run"
            words = [str(word) for word in (*command_lines[verb], "--out", run)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            process = subprocess.Popen([sys.executable, "-m", "launch.main", *words], env=environment)
            wait_for_checkpoints(process, lambda: run)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL and not (run / "metrics.json").exists()
            runs[verb] = run
        return Path(shutil.copytree(runs[verb], to))

    return copy


def checkpoints(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("step_*"))


def content(run: Path) -> dict[str, bytes]:
    """Of the files of a run's checkpoints; what begins with a dot is a writer's own."""
    files = (path for step in checkpoints(run) for path in (step, *step.rglob("*")) if path.is_file())
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def steps_of(path: Path) -> int:
    return int(path.name.removeprefix("step_").removesuffix(".zip"))


def wait_for_checkpoints(process: "subprocess.Popen[Any]", run: Callable[[], Path]) -> None:
    give_up = time.monotonic() + 120
    while len(checkpoints(run())) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.02)


def last_curve(run: Path, verb: str) -> list[int]:
    """Steps of the points that the last start of a run added to its curve."""
    newest = max((run / "tensorboard").rglob("events.*"), key=lambda path: path.stat().st_mtime_ns)
    return [event.step for event in EventAccumulator(str(newest)).Reload().Scalars(CURVE[verb])]


def assert_went_on_to_the_end(run: Path, verb: str, start: int) -> None:
    points, metrics = last_curve(run, verb), json.loads((run / "metrics.json").read_text())
    assert start < points[0] <= start + STRIDE[verb]  # neither from the beginning nor with a gap
    assert metrics["finished"] is True and metrics["success"]["count"] == 1
    reached = metrics["steps" if verb == "train" else "updates"]
    assert TOTAL[verb] <= reached <= TOTAL[verb] + STRIDE[verb]
    assert steps_of(checkpoints(run)[-1]) == points[-1] == reached


@VERBS
@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "truncated"])
def test_killed_it_goes_on_from_the_last_whole_checkpoint(
    killed: Callable, command_lines: dict, command: Command, workplace: Path, verb: str, damaged: bool
):
    run = killed(verb, workplace / "run")
    *_, before, newest = checkpoints(run)
    assert steps_of(newest) < TOTAL[verb] - STRIDE[verb]
    if damaged:
        file = newest if verb == "train" else newest / "state.safetensors"
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    done = command(*command_lines[verb], "--out", "run", "--resume")
    assert done.code == 0 and done.err == ""
    named = re.search(rf"note: .*{newest.name}.* is damaged.*; trying the checkpoint before it", done.out)
    assert bool(named) == damaged
    assert_went_on_to_the_end(run, verb, steps_of(before if damaged else newest))


@pytest.mark.parametrize(("verb", "by", "folder"), [("train", "SIGINT", None), ("pretrain", "SIGTERM", "runs/mine")])
def test_interrupted_it_saves_and_says_how_to_go_on(
    start: Start, command_lines: dict, command: Command, workplace: Path, verb: str, by: str, folder: str | None
):
    runs = lambda: next(iter((workplace / "runs").glob("*")), workplace / "runs")  # noqa: E731
    process = start(*command_lines[verb], *(("--out", folder) if folder else ()))
    wait_for_checkpoints(process, runs)
    process.send_signal(signal.Signals[by])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == ""
    lines = out.splitlines()
    assert "interrupted; what was done is saved. Go on with:" in lines and "Traceback" not in out
    go_on = shlex.split(lines[-1])
    assert go_on[:3] == ["sim2real", verb, "LaneFollow"] and go_on[-1] == "--resume"
    stopped_at = steps_of(checkpoints(runs())[-1])
    done = command(*go_on[1:])
    assert done.code == 0 and done.err == ""
    assert_went_on_to_the_end(runs(), verb, stopped_at)
    assert len(list((workplace / "runs").iterdir())) == 1


@VERBS
def test_where_nothing_more_can_be_written_the_earlier_checkpoints_stay(
    killed: Callable, command_lines: dict, start: Start, workplace: Path, verb: str
):
    run = killed(verb, workplace / "run")
    before = content(run)

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))  # bytes; Python ignores the signal

    process = start(*command_lines[verb], "--out", "run", "--resume", preexec_fn=no_large_files)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert re.fullmatch(r"error: .*(checkpoints/|a file of the run).*: File too large\n", err), err
    assert content(run) == before and not (run / "metrics.json").exists()


@pytest.fixture
def disk(workplace: Path) -> Iterator[Path]:
    """A file system of its own that holds 16 MB."""
    folder = workplace / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk can be mounted by root on Linux alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@VERBS
def test_a_full_disk_costs_nothing_that_was_saved(
    killed: Callable, command_lines: dict, command: Command, disk: Path, verb: str
):
    run = killed(verb, disk / "run")
    before, start = content(run), steps_of(checkpoints(run)[-1])
    with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(bytes(4096))
    done = command(*command_lines[verb], "--out", "disk/run", "--resume")
    assert done.code == 2
    assert re.fullmatch(r"error: .*(checkpoints/|a file of the run).*: No space left on device\n", done.err), done.err
    assert content(run) == before and not (run / "metrics.json").exists()
    (disk / "filler").unlink()
    assert command(*command_lines[verb], "--out", "disk/run", "--resume").code == 0
    assert_went_on_to_the_end(run, verb, start)
