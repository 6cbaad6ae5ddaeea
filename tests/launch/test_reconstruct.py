"""`sim2real reconstruct` as a user runs it, on a log whose truth is known."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from drives import record_drives
from printed_track import CURVATURE_PER_STEERING, ROAD, PrintedTrack, record_track
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.odometry import follow
from sim2real.tracks.rebuilding.registration import Views
from sim2real.tracks.rebuilt import read_track
from stopped import stop

TRACK = PrintedTrack()
DRIVES = [
    *(TRACK.poses(0, 170), TRACK.poses(300, 70, back=True, aside=-0.05), TRACK.poses(500, 60, aside=0.08)),
    *(TRACK.poses(0, 10), TRACK.poses(200, 50, back=True)),
]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_track(tmp_path_factory.mktemp("log") / "oval", DRIVES)  # of which the fourth is left out


def to_truth(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Poses (n, 3) turned and moved, not scaled, so that they lie best on the true ones (Kabsch)."""
    a, b = found[:, :2] - found[:, :2].mean(0), truth[:, :2] - truth[:, :2].mean(0)
    angle = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum())
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.column_stack([a @ turn + truth[:, :2].mean(0), found[:, 2] + angle])


@pytest.mark.slow
def test_a_track_is_rebuilt_from_its_log(command: Callable[..., Any], workplace: Path, log: Path):
    done = command("reconstruct", f"{log}[0,1,2,4]", "--hold-out", 0.2, "--out", "tracks/oval")
    assert done.code == 0 and done.err == "", done
    folder = workplace / "tracks" / "oval"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["placed"] > 0.9 and metrics["closed"]
    assert metrics["heldout"]["compared"] > 10
    assert metrics["heldout"]["across"]["median"] < 0.01 and metrics["heldout"]["along"]["median"] < 0.01
    assert metrics["track"]["width"] == pytest.approx(ROAD, abs=0.03)
    assert metrics["track"]["length"] == pytest.approx(len(TRACK.line) * 0.01, rel=0.02)
    assert metrics["vehicle"]["curvature_per_steering"]["value"] == pytest.approx(CURVATURE_PER_STEERING, rel=0.1)

    table = pq.read_table(folder / "poses.parquet")
    poses = {name: table[name].to_numpy() for name in table.column_names}
    assert 0 < poses["held_out"].mean() < 0.5
    found = np.stack([poses[name] for name in ("x", "y", "yaw")], 1)
    truth = np.array([DRIVES[e][k] for e, k in zip(poses["episode_index"], poses["frame_index"], strict=True)])
    off = to_truth(found, truth) - truth
    assert np.median(np.hypot(off[:, 0], off[:, 1])) < 0.02
    yaw = np.abs((off[:, 2] + np.pi) % (2 * np.pi) - np.pi)
    assert np.median(yaw) < 0.01
    picture = cv2.imread(str(folder / "map.png"))
    assert picture is not None
    assert picture.shape[0] > 300 and picture.shape[1] > 300
    _check_frames(folder)
    page = (folder / "report.html").read_text()
    assert "have a place on the map" in page and "held out" in page

    again = command("reconstruct", log, "--out", "tracks/oval")
    assert again.code == 2 and "exists" in again.err and len(again.err.splitlines()) == 1
    again = command("reconstruct", log, "--out", "tracks/oval", "--resume")
    assert again.code == 0 and "nothing to resume" in again.out and left(folder)["metrics.json"]
    _check_resumed(command, workplace, log, left(folder))


def left(folder: Path) -> dict[str, bytes]:
    """The files of a run's folder, but for the report, which says how the command was typed."""
    files = {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: content for name, content in files.items() if name != "report.html"}


def _check_resumed(command: Callable[..., Any], workplace: Path, log: Path, whole: dict[str, bytes]):
    """Interrupted, killed and resumed it ends with the same bytes, and odometry that was kept is not done again."""
    words = ("reconstruct", f"{log}[0,1,2,4]", "--hold-out", 0.2, "--out", "tracks/twice")
    code, out, err = stop(words, "*/checkpoints/segment_*.npz", 1, signal.SIGINT, workplace)
    assert code == 130 and err == "" and "Resume with:\n  sim2real reconstruct" in out and "--resume" in out
    code, _, err = stop((*words, "--resume"), "*/checkpoints/segment_*.npz", 3, signal.SIGKILL, workplace)
    folder = workplace / "tracks" / "twice"
    assert code == -signal.SIGKILL and len(list(folder.rglob("segment_*.npz"))) == 2, err
    before, kept = left(folder), folder / "checkpoints" / "segment_0000.npz"
    for changed, line in (
        (words, "tracks/twice exists: add --resume to resume it"),
        ((*words, "--pitch", 0.3, "--resume"), "tracks/twice was begun with other settings: remove it, or choose"),
        ((*words[:1], f"{log}[0,1,2]", *words[2:], "--resume"), "tracks/twice was begun with other recordings"),
    ):
        refused = command(*changed)
        assert refused.code == 2 and line in refused.err and len(refused.err.splitlines()) == 1, refused
    assert left(folder) == before
    kept.write_bytes(before[kept.name][:100])  # damaged: done again
    followed = []

    def watched(images: np.ndarray, views: Views, periods: np.ndarray) -> Drive:
        followed.append(len(images))
        return follow(images, views, periods)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sim2real.tracks.parallel.os.sched_getaffinity", lambda _: {0})  # in this process
        patched.setattr("sim2real.tracks.rebuilding.reconstruct.follow", watched)
        assert command(*words, "--resume").code == 0
    assert followed == [170, 60, 50] and left(folder) == whole


def _check_frames(folder: Path):
    """Frames that are drawn from the map look like the log's, in colours and where things are."""
    track = read_track(folder)
    frames, drawn = track.keyframes, MapRenderer(track).frames(track.keyframes.poses[::7])
    for k, seen in zip(range(0, len(frames.poses), 7), drawn, strict=True):
        truth = TRACK.frame(DRIVES[frames.episode[k]][frames.frame[k]])
        assert np.abs(frames.image(k).astype(int) - truth).mean() < 4
        below = np.s_[60:, 20:-20]  # ground that was mapped
        assert np.corrcoef(seen[below].ravel(), truth[below].ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "nothing"),
        (("short",), "at least 60"),
        (("noise",), "match the next one"),
        (("noise", "--camera", "camera.json"), "camera.json"),
        (("noise", "--pitch", 2), "pitch"),
        (("noise", "--seed", -1), "seed"),
        (("small",), "--camera"),
        (("tiny",), "far enough"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    command: Callable[..., Any], workplace: Path, words: tuple[Any, ...], said: str
):
    record_drives(workplace / "short", [20])
    record_drives(workplace / "noise", [40, 40])
    record_drives(workplace / "tiny", [1] * 62)
    record_drives(workplace / "small", [40, 40], size=(60, 80))
    done = command("reconstruct", *words, "--out", "tracks/new")
    assert done.code == 2 and said in done.err and len(done.err.splitlines()) == 1, done
    assert not (workplace / "tracks").exists()
