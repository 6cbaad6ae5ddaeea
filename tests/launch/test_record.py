"""`sim2real record`: a dataset of the rehearsal car, or one line and nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim2real.datasets import EpisodeDataset

ROOT = Path(__file__).parents[2]


def test_episodes_are_recorded(command: Callable[..., Any], workplace: Path, short_lane: str):
    done = command("record", "set", "--on", "rehearsal", "--episodes", 3, "--seconds", 0.5, "--seed", 7)
    assert done.code == 0 and done.err == ""
    assert "3 episodes, 30 frames: 10 to 10 frames an episode" in done.out and "dataset: set" in done.out
    assert "record: 30/30" in done.out
    assert [path.name for path in workplace.iterdir()] == ["set"]
    dataset = EpisodeDataset(workplace / "set")
    assert dataset.lengths.tolist() == [10, 10, 10]
    assert None not in dataset.sessions and len(set(dataset.sessions)) == 3  # independent draws
    assert json.loads((workplace / "set/meta/info.json").read_text())["robot_type"] == "rehearsal-car"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--episodes", "0"), "episodes must be at least 1, not 0"),
        (("--seconds", "0"), "seconds must be from 0.1 to 120, not 0"),
        (("--seed", "-1"), "seed must be at least 0, not -1"),
    ],
)
def test_a_recording_that_cannot_be(complains: Callable[[tuple, str], None], words: tuple, message: str):
    complains(("record", "set", *words), message)


def test_a_recording_never_replaces_anything(complains: Callable[[tuple, str], None], workplace: Path):
    (workplace / "set").mkdir()
    (workplace / "set" / "mine").write_text("precious")
    complains(("record", "set", "--episodes", "1"), "set exists: choose another destination, or remove it first")


WORDS = ("record", "set", "--episodes", "2", "--seconds", "1")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_recording_leaves_no_dataset_and_can_be_repeated(
    start: Callable[..., subprocess.Popen], workplace: Path, command: Callable[..., Any], how: signal.Signals
):
    process = start("record", "set", "--episodes", 17, "--seconds", 20)
    deadline = time.monotonic() + 120
    while not list(workplace.glob(".set.part/set")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3)
    process.send_signal(how)
    assert process.wait(60) == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    assert not (workplace / "set").exists()
    if how == signal.SIGTERM:
        assert not list(workplace.iterdir())
    assert command(*WORDS).code == 0
    assert EpisodeDataset(workplace / "set").lengths.tolist() == [20, 20]
    assert [path.name for path in workplace.iterdir()] == ["set"]


@pytest.mark.slow
def test_a_full_disk_gives_one_line_and_no_dataset(workplace: Path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
    program = f"{limited}from launch.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, *WORDS],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2 and "File too large" in done.stderr and done.stderr.count("\n") == 1
    assert not list(workplace.iterdir())


def test_a_task_that_nobody_knows_needs_a_teacher(complains: Callable[[tuple, str], None]):
    complains(("record", "set", "--task", "Reach"), "nobody can do Reach on the rehearsal robot by himself: train a")
    complains(("record", "set", "--task", "Reach", "--teacher", "nowhere"), "nowhere is not a run")
    complains(("record", "set", "--task", "Juggle"), "no task 'Juggle'")


@pytest.mark.slow
@pytest.mark.parametrize("inside", [False, True])
def test_a_trained_teacher_demonstrates(command: Callable[..., Any], workplace: Path, inside: bool):
    """Of a `train` run, or of a `pretrain` run that trained one inside; it has not learned much, so all is kept."""
    run = workplace / "run" / "teacher" if inside else workplace / "run"
    words = ("--steps", "64", "--worlds", "2", "--evaluate", "0", "--out", run)
    assert command("train", "Reach", *words).code == 0
    recorded = ("--task", "Reach", "--teacher", "run", "--episodes", "2", "--keep-failed")
    done = command("record", "set", *recorded)
    assert done.code == 0 and done.err == "", done
    assert "2 episodes, 180 frames: 90 to 90 frames an episode" in done.out
    assert "who demonstrated succeeded in " in done.out
    assert json.loads((workplace / "set/meta/info.json").read_text())["robot_type"] == "sim2real_so101"
