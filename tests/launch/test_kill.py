"""Runs that are killed, interrupted, or out of disk: what was done is kept, said, and gone on from."""

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from policies.teacher import TeacherConfig
from sim2real.runs import start_run
from sim2real.training import TrainConfig, train_teacher

pytestmark = pytest.mark.slow
Start, Command = Callable[..., "subprocess.Popen[str]"], Callable[..., Any]
SIZES = {
    "train": ("--worlds", 16, "--steps", 40_000, "--hidden", 8, "--checkpoint-every", 2000, "--evaluate", 3),
    "pretrain": (
        *("--worlds", 8, "--frames", 2400, "--batch-size", 64, "--reuse", 4, "--width", 4),
        *("--checkpoint-every", 10, "--evaluate", 3),
    ),
}
TOTAL = {"train": 40_000, "pretrain": 150}
CURVE = {"train": "rollout/ep_rew_mean", "pretrain": "pretrain/loss"}
VERBS = pytest.mark.parametrize("verb", SIZES)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = TrainConfig("LaneFollow", TeacherConfig(steps=500, hidden=(8,)), worlds=16, evaluate=0)
    run, config = start_run("train", config, tmp_path_factory.mktemp("teacher") / "run", resume=False)
    train_teacher(run, config, lambda *_: None)
    return run.folder


@pytest.fixture
def words(teacher: Path, request: pytest.FixtureRequest) -> tuple:
    """The command line of the test's verb, without a folder for the run."""
    verb = request.node.callspec.params["verb"]
    return verb, "LaneFollow", *SIZES[verb], *(("--teacher", teacher) if verb == "pretrain" else ())


def checkpoints(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("step_*"))


def steps_of(path: Path) -> int:
    return int(path.name.removeprefix("step_").removesuffix(".zip"))


def wait_for_checkpoints(process: "subprocess.Popen[str]", run: Callable[[], Path], count: int = 2) -> None:
    give_up = time.monotonic() + 120
    while len(checkpoints(run())) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.02)


def curve(run: Path, verb: str) -> list[list[int]]:
    """Steps of the points that every start of a run added to its curve."""
    starts = []
    for path in sorted((run / "tensorboard").rglob("events.*"), key=lambda path: path.stat().st_mtime_ns):
        events = EventAccumulator(str(path)).Reload()
        found = CURVE[verb] in events.Tags()["scalars"]
        starts.append([event.step for event in events.Scalars(CURVE[verb])] if found else [])
    return starts


def assert_finished(run: Path, verb: str) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["finished"] is True and metrics["success"]["count"] == 3
    reached = metrics["steps" if verb == "train" else "updates"]
    assert TOTAL[verb] <= reached < TOTAL[verb] * 1.02 and steps_of(checkpoints(run)[-1]) == reached


@VERBS
@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "truncated"])
def test_killed_it_goes_on_from_the_last_whole_checkpoint(
    start: Start, command: Command, workplace: Path, words: tuple, verb: str, damaged: bool
):
    run = workplace / "run"
    process = start(*words, "--out", "run")
    wait_for_checkpoints(process, lambda: run)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not (run / "metrics.json").exists()
    *_, before, newest = checkpoints(run)
    assert steps_of(newest) < TOTAL[verb]
    if damaged:
        file = newest if verb == "train" else newest / "state.safetensors"
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    done = command(*words, "--out", "run", "--resume")
    assert done.code == 0 and done.err == ""
    assert ("is damaged" in done.out) == damaged
    if damaged:
        assert re.search(rf"note: .*{newest.name}.* is damaged.*; trying the checkpoint before it", done.out)
    from_step = steps_of(before if damaged else newest)
    resumed = curve(run, verb)[-1]
    assert from_step < resumed[0] <= from_step + (1500 if verb == "train" else 20)  # neither from 0 nor with a gap
    assert resumed[-1] >= TOTAL[verb]
    assert_finished(run, verb)


@VERBS
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_saves_and_says_how_to_go_on(
    start: Start, command: Command, workplace: Path, words: tuple, verb: str, by: signal.Signals
):
    named = by == signal.SIGTERM  # and otherwise the run has a folder of its own choice
    runs = lambda: next(iter((workplace / "runs").glob("*")), workplace / "runs")  # noqa: E731
    process = start(*words, *(("--out", "runs/mine") if named else ()))
    wait_for_checkpoints(process, runs)
    process.send_signal(by)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == ""
    lines = out.splitlines()
    assert "interrupted; what was done is saved. Go on with:" in lines and "Traceback" not in out
    go_on = shlex.split(lines[-1])
    assert go_on[:3] == ["sim2real", verb, "LaneFollow"] and go_on[-1] == "--resume"
    stopped_at = steps_of(checkpoints(runs())[-1])
    done = command(*go_on[1:])
    assert done.code == 0 and done.err == ""
    assert stopped_at < curve(runs(), verb)[-1][0] <= stopped_at + (1500 if verb == "train" else 20)
    assert_finished(runs(), verb)
    assert [path.name for path in (workplace / "runs").iterdir()] == [runs().name]


def first_part(start: Start, workplace: Path, words: tuple, folder: str) -> dict[str, bytes]:
    """Start a run and stop it after its first checkpoints; returns these."""
    process = start(*words, "--out", folder)
    wait_for_checkpoints(process, lambda: workplace / folder)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return content(workplace / folder)


def content(run: Path) -> dict[str, bytes]:
    files = (path for path in (run / "checkpoints").rglob("*") if path.is_file())
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def assert_out_of_disk(process: "subprocess.Popen[str]", reason: str) -> None:
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert re.fullmatch(rf"error: .*(checkpoints|a file of the run).*: {reason}\n", err), err


@VERBS
def test_where_nothing_more_can_be_written_the_earlier_checkpoints_stay(
    start: Start, workplace: Path, words: tuple, verb: str
):
    before = first_part(start, workplace, words, "run")

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))  # bytes; Python ignores the signal

    process = start(*words, "--out", "run", "--resume", preexec_fn=no_large_files)
    assert_out_of_disk(process, "File too large")
    assert content(workplace / "run") == before
    assert not (workplace / "run" / "metrics.json").exists()


@pytest.fixture
def small_disk(workplace: Path) -> Iterator[Path]:
    """A file system of its own that holds 600 kB."""
    folder = workplace / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk can be mounted by root on Linux alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@VERBS
def test_a_full_disk_costs_nothing_that_was_saved(
    start: Start, command: Command, workplace: Path, small_disk: Path, words: tuple, verb: str
):
    before = first_part(start, workplace, words, "disk/run")
    with (small_disk / "filler").open("wb") as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(bytes(4096))
            filler.flush()
    assert_out_of_disk(start(*words, "--out", "disk/run", "--resume"), "No space left on device")
    assert content(small_disk / "run") == before
    (small_disk / "filler").unlink()
    if verb == "train":  # the policies of `pretrain` would not fit on this disk beside its checkpoints
        assert command(*words, "--out", "disk/run", "--resume").code == 0
        assert_finished(small_disk / "run", verb)
