"""Recorded episodes: on disk as they end, whatever happens to the recorder next."""

import errno
import itertools
import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim2real.datasets import EpisodeDataset
from sim2real.datasets.edit_config import EditConfig
from sim2real.datasets.editing import edit_dataset
from sim2real.errors import InputError
from sim2real.recordings.recorder import INTERVENTION, EpisodeRecorder
from sim2real.robots.boundary import DirectBoundary

ROOT = Path(__file__).parents[3]
CAR = DirectBoundary("car", ("steering", "throttle"), ("steering", "throttle"))
STEPS = 5


def drive(recorder: EpisodeRecorder, number: int) -> int | None:
    """Record an episode whose brightness and commands tell its number."""
    for step in range(STEPS):
        frame = np.full((24, 32, 3), 20 * number + step, np.uint8)
        observation = {"images.front": frame, "state": np.array([0.1, step / 10]), "time": step / 20}
        recorder.note(observation, np.array([number / 10, 0.5]), step > 2)
    return recorder.save("drive", "morning", {"label": "success", "order": number, "rate": math.nan})


def check(folder: Path, count: int) -> None:
    dataset = EpisodeDataset(folder)
    assert dataset.lengths.tolist() == [STEPS] * count and dataset.sessions == ("morning",) * count
    assert [outcome["order"] for outcome in dataset.outcomes if outcome] == list(range(count))
    for number, episode in enumerate(dataset):
        np.testing.assert_allclose(episode["action"], np.tile(np.array([number / 10, 0.5], np.float32), (STEPS, 1)))
        np.testing.assert_allclose(episode["observation.state"][:, 1], np.arange(STEPS) / 10, rtol=1e-6)
        assert episode[INTERVENTION].tolist() == [False, False, False, True, True]
        brightness = episode.images("observation.images.front").mean((1, 2, 3))
        np.testing.assert_allclose(brightness, 20 * number + np.arange(STEPS), atol=1)


def test_a_recording_can_be_read_between_episodes_and_resumed(tmp_path: Path):
    with EpisodeRecorder(tmp_path / "set", CAR, 0.05) as recorder:
        assert recorder.save("drive", None, {}) is None and not (tmp_path / "set").exists()
        assert drive(recorder, 0) == 0
        check(tmp_path / "set", 1)
        recorder.note({"state": np.zeros(2), "images.front": np.zeros((24, 32, 3), np.uint8)}, np.zeros(2))
        recorder.discard()
        assert drive(recorder, 1) == 1
    with pytest.raises(InputError, match="add --resume to continue it"):
        EpisodeRecorder(tmp_path / "set", CAR, 0.05)
    with EpisodeRecorder(tmp_path / "set", CAR, 0.05, resume=True) as recorder:
        assert drive(recorder, 2) == 2
    check(tmp_path / "set", 3)
    dataset = EpisodeDataset(tmp_path / "set")
    assert dataset.fps == 20 and dataset.info["robot_type"] == "car" and dataset.outcomes[0]["rate"] is None  # type: ignore[index]


def test_what_is_running_when_it_is_interrupted_is_lost_and_nothing_else(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), EpisodeRecorder(tmp_path / "set", CAR, 0.05) as recorder:
        drive(recorder, 0)
        recorder.note({"state": np.zeros(2), "images.front": np.zeros((24, 32, 3), np.uint8)}, np.zeros(2))
        raise KeyboardInterrupt
    check(tmp_path / "set", 1)


def test_a_disk_that_is_full_at_any_write_loses_one_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    replace, full_at = Path.replace, 0
    for full_at in itertools.count(1):
        folder, writes = tmp_path / f"set{full_at}", itertools.count(1)
        with EpisodeRecorder(folder, CAR, 0.05) as recorder:
            drive(recorder, 0)

        def write(self: Path, target: Path, at: int = full_at, writes: itertools.count = writes) -> Path:
            if next(writes) == at:
                raise OSError(errno.ENOSPC, "No space left on device", str(self))
            return replace(self, target)

        failed = False
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", write)
            try:
                with EpisodeRecorder(folder, CAR, 0.05, resume=True) as recorder:
                    drive(recorder, 1)
            except OSError as error:
                failed = error.errno == errno.ENOSPC
        check(folder, 1 if failed else 2)
        if not failed:
            break
        with EpisodeRecorder(folder, CAR, 0.05, resume=True) as recorder:
            assert drive(recorder, 1) == 1
        check(folder, 2)
    assert full_at > 5  # rows, entries, tasks, statistics, checksums, info


@pytest.mark.slow
def test_a_killed_recorder_is_continued_after_its_last_finished_episode(tmp_path: Path):
    code = f"""
import itertools, signal, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests/helpers")!r}, {str(Path(__file__).parent)!r}]
import stopped
from pathlib import Path
from test_recorder import CAR, EpisodeRecorder, drive
stopped.watch(sys.argv[2], int(sys.argv[3]), signal.SIGKILL)
with EpisodeRecorder(Path(sys.argv[1]), CAR, 0.05, resume=True) as recorder:
    for number in itertools.count(int(sys.argv[4])):
        drive(recorder, number)
"""
    there = 0
    for pattern, count, finished in (("*/data/*/file-002.parquet", 1, 2), ("*/info.json", 2, 3)):
        words = (str(tmp_path / "set"), pattern, str(count), str(there))
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        check(tmp_path / "set", finished)
        there = finished


def test_outcomes_of_whole_episodes_survive_an_edit(tmp_path: Path):
    with EpisodeRecorder(tmp_path / "set", CAR, 0.05) as recorder:
        for number in range(3):
            drive(recorder, number)
    edit_dataset(tmp_path / "set", tmp_path / "new", EditConfig(delete="0", split="2@2"))
    orders = [outcome and outcome["order"] for outcome in EpisodeDataset(tmp_path / "new").outcomes]
    assert orders == [1, None, None]
