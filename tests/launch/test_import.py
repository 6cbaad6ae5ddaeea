"""`sim2real import` and `sim2real inspect` as commands: what they print, leave behind and refuse."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tub_maker import line, make_tub

from sim2real.datasets import EpisodeDataset

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "launch.main"]


def sim2real(folder: Path, *words: object, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command; `limit`: bytes after which no file can grow, as on a full disk."""
    command = [*COMMAND, *map(str, words)]
    if limit is not None:
        limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        command[1:3] = ["-c", f"{limited}from launch.main import main; main()"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=env, check=False, timeout=60)


@pytest.mark.slow
def test_a_tub_is_imported_and_inspected(tmp_path):
    make_tub(tmp_path / "tub", [line(k) for k in range(40)], deleted=range(10, 25))
    done = sim2real(tmp_path, "import", "tub", "set")
    assert done.returncode == 0, done.stderr
    assert "owner deleted" in done.stdout and "40" in done.stdout and "dataset: set" in done.stdout
    report = json.loads((tmp_path / "set/import_report.json").read_text())
    assert report["account"]["kept"] == 25 and report["account"]["owner_deleted"] == 15 and report["records"] == 40
    done = sim2real(tmp_path, "inspect", "set[0:1]", "--out", "look")
    assert done.returncode == 0, done.stderr
    assert "1 episodes, 10 frames" in done.stdout and "action steering" in done.stdout
    assert {path.name for path in (tmp_path / "look").iterdir()} == {"inspect.json", "frames-front.png", "actions.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"tub", "set", "look"}


def test_options_reach_the_import(tmp_path):
    make_tub(tmp_path / "tub", [line(k) for k in range(40)], deleted=range(10, 25))
    options = ("--include-deleted", "--video", "--min-frames", 5, "--task", "drive")
    assert sim2real(tmp_path, "import", "tub", "set", *options).returncode == 0
    dataset = EpisodeDataset(tmp_path / "set")
    assert dataset.lengths.tolist() == [40] and dataset.tasks == ("drive",)
    assert dataset.features["observation.images.front"].dtype == "video"


@pytest.mark.slow
def test_bad_input_gives_one_line_exit_code_2_and_no_dataset(tmp_path):
    make_tub(tmp_path / "tub", [line(k) for k in range(5)])
    make_tub(tmp_path / "empty", [])
    make_tub(tmp_path / "gone", [line(k) for k in range(5)], deleted=range(5))
    (tmp_path / "exists").mkdir()
    cases = {
        ("import", "nowhere", "set"): "no such folder: nowhere",
        ("import", "exists", "set"): "neither a Donkeycar tub v2",
        ("import", "empty", "set"): "is empty",
        ("import", "tub", "exists"): "exists: choose another destination",
        ("import", "tub", "set", "--max-gap", "0"): "must be positive",
        ("import", "gone", "set"): "5 owner deleted; --include-deleted keeps what the owner deleted",
        ("import", "tub", "set", "--fps", "40"): "come at 20 Hz, the dataset would say 40 Hz: repeat with --fps 20",
        ("inspect", "nowhere"): "no such folder: nowhere",
        ("inspect", "tub"): "is not a LeRobot dataset",
    }
    for words, message in cases.items():
        done = sim2real(tmp_path, *words)
        assert done.returncode == 2, (words, done.stdout, done.stderr)
        assert done.stderr.startswith("error: ") and message in done.stderr and done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"tub", "empty", "gone", "exists"}


@pytest.mark.slow
def test_a_full_disk_gives_one_line_and_no_dataset(tmp_path):
    make_tub(tmp_path / "tub", [line(k) for k in range(200)])
    done = sim2real(tmp_path, "import", "tub", "set", limit=20_000)
    assert done.returncode == 2 and "File too large" in done.stderr and done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"tub"}
    assert sim2real(tmp_path, "import", "tub", "set").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_import_leaves_no_dataset_and_can_be_repeated(tmp_path, how):
    lines = [line(k, _timestamp_ms=1000 * k) for k in range(1500)]  # an episode each: long to write
    make_tub(tmp_path / "tub", lines)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [*COMMAND, "import", "tub", "set"]
    with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".set.part/set/data/*/*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(how)
        code = process.wait()
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    assert not (tmp_path / "set").exists()
    if how == signal.SIGTERM:
        assert {path.name for path in tmp_path.iterdir()} == {"tub"}
    (tmp_path / "tub/catalog_1.catalog").unlink()  # less to do
    assert sim2real(tmp_path, "import", "tub", "set", "--max-gap", 2000, "--fps", 1).returncode == 0
    assert EpisodeDataset(tmp_path / "set").frames == 1000
    assert {path.name for path in tmp_path.iterdir()} == {"tub", "set"}


@pytest.mark.slow
def test_an_unsound_dataset_gives_exit_code_1(tmp_path):
    make_tub(tmp_path / "tub", [line(k) for k in range(10)])
    sim2real(tmp_path, "import", "tub", "set", "--video")
    next((tmp_path / "set/videos").rglob("*.mp4")).unlink()
    done = sim2real(tmp_path, "inspect", "set", "--out", "look")
    assert done.returncode == 1 and "NO, 10 frames" in done.stdout
