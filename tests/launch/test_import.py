"""`sim2real import` and `sim2real inspect` as commands: what they print, leave behind and refuse."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim2real.datasets import EpisodeDataset
from stopped import stop
from tub_maker import line, make_tub

Command = Callable[..., Any]


@pytest.mark.slow
def test_a_tub_is_imported_and_inspected(command: Command, workplace: Path):
    make_tub(workplace / "tub", [line(k) for k in range(40)], deleted=range(10, 25))
    done = command("import", "tub", "set")
    assert done.code == 0, done.err
    assert "owner deleted" in done.out and "40" in done.out and "dataset: set" in done.out
    report = json.loads((workplace / "set/import_report.json").read_text())
    assert report["account"]["kept"] == 25 and report["account"]["owner_deleted"] == 15 and report["records"] == 40
    done = command("inspect", "set[0:1]", "--out", "look")
    assert done.code == 0, done.err
    assert "1 episodes, 10 frames" in done.out and "action steering" in done.out
    assert {path.name for path in (workplace / "look").iterdir()} == {"inspect.json", "frames-front.png", "actions.png"}
    assert {path.name for path in workplace.iterdir()} == {"tub", "set", "look"}


def test_options_reach_the_import(command: Command, workplace: Path):
    make_tub(workplace / "tub", [line(k) for k in range(40)], deleted=range(10, 25))
    options = ("--include-deleted", "--video", "--min-frames", 5, "--task", "drive")
    assert command("import", "tub", "set", *options).code == 0
    dataset = EpisodeDataset(workplace / "set")
    assert dataset.lengths.tolist() == [40] and dataset.tasks == ("drive",)
    assert dataset.features["observation.images.front"].dtype == "video"


@pytest.mark.slow
def test_bad_input_gives_one_line_exit_code_2_and_no_dataset(command: Command, workplace: Path):
    make_tub(workplace / "tub", [line(k) for k in range(5)])
    make_tub(workplace / "empty", [])
    make_tub(workplace / "gone", [line(k) for k in range(5)], deleted=range(5))
    (workplace / "exists").mkdir()
    cases = {
        ("import", "nowhere", "set"): "no such folder: nowhere",
        ("import", "exists", "set"): "neither a Donkeycar tub v2",
        ("import", "empty", "set"): "is empty",
        ("import", "tub", "exists"): "exists: choose another destination",
        ("import", "tub", "set", "--max-gap", "0"): "must be positive",
        ("import", "gone", "set"): "5 owner deleted; --include-deleted keeps what the owner deleted",
        ("import", "tub", "set", "--fps", "40"): "come at 20 Hz, not at the dataset's 40 Hz: repeat with --fps 20",
        ("inspect", "nowhere"): "no such folder: nowhere",
        ("inspect", "tub"): "is not a LeRobot dataset",
    }
    for words, message in cases.items():
        done = command(*words)
        assert done.code == 2, (words, done.out, done.err)
        assert done.err.startswith("error: ") and message in done.err and done.err.count("\n") == 1
    assert {path.name for path in workplace.iterdir()} == {"tub", "empty", "gone", "exists"}


@pytest.mark.slow
def test_a_full_disk_gives_one_line_and_no_dataset(command: Command, workplace: Path, small_disk: Callable[..., Any]):
    make_tub(workplace / "tub", [line(k) for k in range(200)])
    with small_disk(20_000):
        done = command("import", "tub", "set")
    assert done.code == 2 and "File too large" in done.err and done.err.count("\n") == 1
    assert {path.name for path in workplace.iterdir()} == {"tub"}
    assert command("import", "tub", "set").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_import_leaves_no_dataset_and_can_be_repeated(command: Command, workplace: Path, how):
    make_tub(workplace / "tub", [line(k, _timestamp_ms=1000 * k) for k in range(30)], per_catalog=20)
    words = ("import", "tub", "set", "--max-gap", 2000, "--fps", 1)
    code, _, err = stop(words, "*/.set.part/set/data/*.parquet*", 1, how, workplace)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130), err
    assert not (workplace / "set").exists()
    if how == signal.SIGTERM:
        assert {path.name for path in workplace.iterdir()} == {"tub"}
    (workplace / "tub/catalog_1.catalog").unlink()  # less to do
    assert command(*words).code == 0
    assert EpisodeDataset(workplace / "set").frames == 20
    assert {path.name for path in workplace.iterdir()} == {"tub", "set"}


@pytest.mark.slow
def test_an_unsound_dataset_gives_exit_code_1(command: Command, workplace: Path):
    make_tub(workplace / "tub", [line(k) for k in range(10)])
    command("import", "tub", "set", "--video")
    next((workplace / "set/videos").rglob("*.mp4")).unlink()
    done = command("inspect", "set", "--out", "look")
    assert done.code == 1 and "NO, 10 frames" in done.out
