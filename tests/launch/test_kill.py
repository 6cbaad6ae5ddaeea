"""Runs that are killed, interrupted, or out of disk: what was done is kept, said, and gone on from."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sim2real.runs import start_run
from sim2real.training.teacher import train_teacher
from sim2real.training.teacher_config import TeacherConfig, TrainConfig
from stopped import stop, watch

pytestmark = pytest.mark.slow
Command = Callable[..., Any]
SIZES = {
    "train": ("--worlds", 16, "--steps", 2000, "--hidden", 8, "--checkpoint-every", 500, "--evaluate", 1),
    "pretrain": (
        *("--worlds", 8, "--frames", 240, "--buffer", 240, "--batch-size", 32, "--reuse", 8, "--width", 4),
        *("--checkpoint-every", 10, "--evaluate", 1),
    ),
}
TOTAL, STRIDE = {"train": 2000, "pretrain": 60}, {"train": 512, "pretrain": 20}  # of updates, or steps of worlds
CURVE = {"train": "time/fps", "pretrain": "pretrain/loss"}
VERBS = pytest.mark.parametrize("verb", SIZES)
NAMED = {
    "train": "*/checkpoints/step_*.zip",
    "pretrain": "*/checkpoints/step_*[0-9]",
}  # where a checkpoint gets its name


@pytest.fixture(autouse=True)
def lane(short_lane: str) -> None:
    """Also in the process that is killed."""


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
    """Copies of a run that was killed when its third checkpoint was written, but for its name."""
    runs: dict[str, Path] = {}

    def copy(verb: str, to: Path) -> Path:
        if verb not in runs:
            run = tmp_path_factory.mktemp(verb) / "run"
            words = (*command_lines[verb], "--out", run)
            code, _, err = stop(words, NAMED[verb], 3, signal.SIGKILL, run.parent)
            assert code == -signal.SIGKILL and len(checkpoints(run)) == 2, err
            assert not (run / "metrics.json").exists()
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
    named = re.search(rf"note: .*{newest.name}.* is damaged.*; trying the previous checkpoint", done.out)
    assert bool(named) == damaged
    assert_went_on_to_the_end(run, verb, steps_of(before if damaged else newest))


@pytest.mark.parametrize(("verb", "by", "folder"), [("train", "SIGINT", None), ("pretrain", "SIGTERM", "runs/mine")])
def test_interrupted_it_saves_and_says_how_to_go_on(
    command_lines: dict, command: Command, workplace: Path, verb: str, by: str, folder: str | None
):
    end = watch(NAMED[verb], 3, signal.Signals[by])
    stopped = command(*command_lines[verb], *(("--out", folder) if folder else ()))
    end()
    assert stopped.code == 130 and stopped.err == ""
    (run,) = (workplace / "runs").iterdir()
    lines = stopped.out.splitlines()
    assert "interrupted; progress is saved. Resume with:" in lines and "Traceback" not in stopped.out
    go_on = shlex.split(lines[-1])
    assert go_on[:3] == ["sim2real", verb, "LaneFollow"] and go_on[-1] == "--resume"
    stopped_at = steps_of(checkpoints(run)[-1])
    assert stopped_at < TOTAL[verb]
    done = command(*go_on[1:])
    assert done.code == 0 and done.err == ""
    assert_went_on_to_the_end(run, verb, stopped_at)
    assert len(list((workplace / "runs").iterdir())) == 1


@VERBS
def test_where_nothing_more_can_be_written_the_earlier_checkpoints_stay(
    killed: Callable, command_lines: dict, command: Command, small_disk: Callable, workplace: Path, verb: str
):
    run = killed(verb, workplace / "run")
    before = content(run)
    with small_disk(8192):
        done = command(*command_lines[verb], "--out", "run", "--resume")
    assert done.code == 2
    assert re.fullmatch(r"error: .*(checkpoints/|a file of the run).*: File too large\n", done.err), done.err
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
