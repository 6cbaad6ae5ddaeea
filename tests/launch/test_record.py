"""`sim2real record`: a dataset of the rehearsal car, or one line and nothing."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim2real.datasets import EpisodeDataset
from sim2real.runs import start_run
from sim2real.training.teacher import train_teacher
from sim2real.training.teacher_config import TeacherConfig, TrainConfig
from stopped import stop


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
        (("--layout", "-1"), "layout must be 0 to 9999, not -1"),
        (("--layout", "10000"), "layout must be 0 to 9999, not 10000"),
        (("--layout", "0", "--on", "sim"), "--layout is for --on rehearsal"),
        (("--layout", "0", "--task", "Reach"), "Reach has no layouts"),
        (("--layout", "0", "--randomization", "wide"), "the rehearsal robot has a fixed appearance"),
    ],
)
def test_a_recording_that_cannot_be(complains: Callable[[tuple, str], None], words: tuple, message: str):
    complains(("record", "set", *words), message)


@pytest.mark.usefixtures("short_lane")
def test_a_layout_is_recorded_with_the_truth_about_it_beside(command: Callable[..., Any], workplace: Path):
    done = command("record", "set", "--layout", 2, "--randomization", "rehearsal-tape", "--episodes", 2, "--seconds", 1)
    assert done.code == 0 and done.err == "" and "2 episodes, 40 frames" in done.out and "truth: set/truth" in done.out
    assert sorted(path.name for path in (workplace / "set/truth").iterdir()) == [
        *("camera.json", "poses.parquet", "track.json")
    ]
    assert EpisodeDataset(workplace / "set").lengths.tolist() == [20, 20]


def test_a_recording_never_replaces_anything(complains: Callable[[tuple, str], None], workplace: Path):
    (workplace / "set").mkdir()
    (workplace / "set" / "mine").write_text("precious")
    complains(("record", "set", "--episodes", "1"), "set exists: choose another destination, or remove it first")


WORDS = ("record", "set", "--episodes", "2", "--seconds", "1")


@pytest.mark.slow
@pytest.mark.usefixtures("short_lane")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_recording_leaves_no_dataset_and_can_be_repeated(
    workplace: Path, command: Callable[..., Any], how: signal.Signals
):
    code, _, err = stop(WORDS, "*/.set.part/set/data/*.parquet*", 2, how, workplace)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130), err
    assert not (workplace / "set").exists() and bool(list(workplace.iterdir())) == (how == signal.SIGKILL)
    assert command(*WORDS).code == 0
    assert EpisodeDataset(workplace / "set").lengths.tolist() == [20, 20]
    assert [path.name for path in workplace.iterdir()] == ["set"]


@pytest.mark.usefixtures("short_lane")
def test_a_full_disk_gives_one_line_and_no_dataset(
    workplace: Path, command: Callable[..., Any], small_disk: Callable[..., Any]
):
    with small_disk(20_000):
        done = command(*WORDS)
    assert done.code == 2 and "File too large" in done.err and done.err.count("\n") == 1
    assert not list(workplace.iterdir())


def test_a_task_that_nobody_knows_needs_a_teacher(complains: Callable[[tuple, str], None]):
    complains(("record", "set", "--task", "Reach"), "recording Reach on the rehearsal robot needs a teacher: train")
    complains(("record", "set", "--task", "Reach", "--teacher", "nowhere"), "nowhere is not a run")
    complains(("record", "set", "--task", "Juggle"), "no task 'Juggle'")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `train` run whose teacher has not learned much."""
    config = TrainConfig("Reach", TeacherConfig(steps=64), worlds=2, evaluate=0)
    run, config = start_run("train", config, tmp_path_factory.mktemp("teacher") / "run", resume=False)
    train_teacher(run, config, lambda *_: None)
    return run.folder


@pytest.mark.slow
@pytest.mark.parametrize("inside", [False, True])
def test_a_trained_teacher_demonstrates(command: Callable[..., Any], workplace: Path, teacher: Path, inside: bool):
    """Of a `train` run, or of a `pretrain` run that trained one inside; all is kept, though it fails."""
    shutil.copytree(teacher, workplace / "run" / "teacher" if inside else workplace / "run")
    recorded = ("--task", "Reach", "--teacher", "run", "--episodes", "2", "--keep-failed")
    done = command("record", "set", *recorded)
    assert done.code == 0 and done.err == "", done
    assert "2 episodes, 180 frames: 90 to 90 frames an episode" in done.out
    assert "the operator succeeded in " in done.out
    assert json.loads((workplace / "set/meta/info.json").read_text())["robot_type"] == "sim2real_so101"
