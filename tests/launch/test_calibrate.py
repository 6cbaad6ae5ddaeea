"""`sim2real calibrate` as a user runs it, on logs and boards whose camera is known."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from boards import FISHEYE, PINHOLE, photograph
from drives import record_drives
from envs.camera import Camera
from printed_track import NOMINAL, PrintedTrack, record_track
from sim2real.calibration.board import Finder
from sim2real.calibration.config import Board, BoardConfig
from sim2real.calibration.from_board import calibrate_board

TRACK = PrintedTrack()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drives = [TRACK.poses(120 * k, 40, back=k % 3 == 2, aside=0.04 * (k % 2)) for k in range(6)]
    return record_track(tmp_path_factory.mktemp("log") / "oval", drives, finer=3, blur=1.2)


def camera_file(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(replace(NOMINAL.camera, **changes).to_dict()))
    return path


@pytest.mark.slow
def test_a_wrong_camera_comes_back_to_the_true_one(command: Callable[..., Any], workplace: Path, log: Path):
    true = NOMINAL.camera
    start = camera_file(workplace / "start.json", fx=1.1 * true.fx, fy=1.1 * true.fy, cx=true.cx - 4, cy=true.cy + 4)
    pitch = NOMINAL.pitch + np.radians(3)
    words = ("--camera", start, "--pitch", pitch, "--pairs", 30, "--rounds", 1, "--out", "run")
    done = command("calibrate", "camera", log, *words)
    assert done.code == 0 and done.err == "", done
    found = Camera.from_dict(json.loads((workplace / "run/camera.json").read_text()))
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert found.fx == pytest.approx(true.fx, rel=0.005) and found.fx == pytest.approx(found.fy)
    assert found.cx == pytest.approx(true.cx, abs=0.3) and found.cy == pytest.approx(true.cy, abs=0.5)
    assert metrics["mount"]["pitch"] == pytest.approx(NOMINAL.pitch, abs=np.radians(0.15))
    assert metrics["heldout"]["fitted"]["after"] < 0.5 * metrics["heldout"]["fitted"]["before"]
    assert metrics["not_told"] == [] and abs(metrics["heading"]["value"]) < 0.02
    focal = metrics["parameters"]["focal"]
    assert focal["start"] == pytest.approx(1.1 * true.fx) and focal["low"] < focal["value"] < focal["high"]
    assert "--pitch" in done.out and "cannot be told" in done.out
    page = (workplace / "run/report.html").read_text()
    assert "With the fitted camera" in page and "held-out pairs" in page


@pytest.mark.slow
def test_bad_logs_are_one_line_and_leave_nothing(complains: Callable[..., None], workplace: Path, log: Path):
    words = ("calibrate", "camera")
    complains((*words, "nothing"), "nothing")
    complains((*words, record_drives(workplace / "short", [20])), "at least 60")
    complains((*words, record_drives(workplace / "noise", [40, 40]), "--pairs", 24), "match on a flat ground")
    complains((*words, record_drives(workplace / "small", [40, 40], size=(60, 80))), "--camera")
    arm = record_drives(workplace / "arm", [60, 60], names=("shoulder_pan.pos", "gripper.pos"))
    complains((*words, arm), "only a car's recordings")
    standing = np.repeat(TRACK.poses(0, 2)[:1], 70, 0) + np.random.default_rng(0).normal(0, 1e-5, (70, 3))
    complains((*words, record_track(workplace / "standing", [standing]), "--pairs", 24), "stands still")
    complains((*words, log, "--pairs", 5), "pairs must be at least")
    complains((*words, log, "--rounds", 0), "rounds must be")
    complains((*words, log, "--pitch", 2), "pitch")
    complains((*words, log, "--camera", "missing.json"), "missing.json")
    complains(("calibrate", "lens", log), "`camera`.*`board`")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "camera"), [("charuco", PINHOLE), ("charuco", FISHEYE), ("chessboard", FISHEYE)])
def test_a_board_gives_the_lens(command: Callable[..., Any], workplace: Path, kind: str, camera: Camera):
    board = Board(kind, 8, 5 if kind == "chessboard" else 6)  # type: ignore[arg-type]
    photograph(workplace / "photos", camera, board, 24)
    cv2.imwrite(str(workplace / "photos/nothing.png"), np.full((camera.height, camera.width, 3), 90, np.uint8))
    done = command("calibrate", "board", "photos", "--kind", kind, "--rows", board.rows, "--out", "run")
    assert done.code == 0 and done.err == "", done
    found = Camera.from_dict(json.loads((workplace / "run/camera.json").read_text()))
    assert found.model == camera.model
    assert found.fx == pytest.approx(camera.fx, rel=0.01) and found.fy == pytest.approx(camera.fy, rel=0.01)
    assert found.cx == pytest.approx(camera.cx, abs=1.0) and found.cy == pytest.approx(camera.cy, abs=1.0)
    pixels = np.stack(np.meshgrid(np.linspace(30, 290, 8), np.linspace(30, 210, 6)), -1)
    apart = np.arccos(np.clip((found.unproject(pixels) * camera.unproject(pixels)).sum(-1), -1, 1))
    assert np.degrees(apart).mean() < 0.5
    assert json.loads((workplace / "run/metrics.json").read_text())["rms"]["heldout"] < 0.4
    assert "No board was found in" in done.out and "held-out" in (workplace / "run/report.html").read_text()


@pytest.mark.slow
def test_bad_boards_are_one_line_and_leave_nothing(complains: Callable[..., None], workplace: Path):
    words, board = ("calibrate", "board"), Board()
    photograph(workplace / "flat", PINHOLE, board, 12, tilt=0.02)
    complains((*words, "flat"), "tilt")
    photograph(workplace / "few", PINHOLE, board, 4)
    complains((*words, "few"), "10 are needed")
    complains((*words, "few", "--kind", "chessboard", "--rows", 5), "0 of 4 images show the chessboard")
    complains((*words, "nothing"), "no such folder")
    (workplace / "empty").mkdir()
    complains((*words, "empty"), "no images")
    (workplace / "empty/a.png").write_bytes(b"no")
    complains((*words, "empty"), "a.png is not an image")
    complains(words, "which images")
    complains((*words, "--print-board", "board.txt"), "pdf")


class Shown:
    """A webcam that shows images in turn."""

    def __init__(self, folder: Path) -> None:
        self.images = [cv2.imread(str(path)) for path in sorted(folder.iterdir())]
        self.count = 0

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.02)
        self.count += 1
        return True, self.images[self.count // 8 % len(self.images)]

    def release(self) -> None:
        pass


@pytest.mark.slow
def test_views_are_taken_from_a_webcam(workplace: Path):
    photograph(workplace / "photos", PINHOLE, Board(), 20)
    shown = Shown(workplace / "photos")
    result = calibrate_board(BoardConfig("0", views=12), workplace / "run", opened=lambda source: shown)
    assert len(result.views) == 12 and result.camera.fx == pytest.approx(PINHOLE.fx, rel=0.02)


def test_a_printed_board_is_found_again(command: Callable[..., Any], workplace: Path):
    for name in ("board.png", "board.pdf"):
        assert command("calibrate", "board", "--print-board", name).code == 0
    picture = cv2.imread(str(workplace / "board.png"))
    assert picture is not None
    view = Finder(Board()).find(cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
    assert view is not None and len(view.corners) == 7 * 5
    scale = np.linalg.lstsq(np.c_[view.corners, np.ones(len(view.corners))], view.pixels, rcond=None)[0]
    assert scale[:2] == pytest.approx(0.4 * 300 / 0.0254 * np.eye(2), rel=0.01, abs=20)  # true size at 300 dpi
    assert (workplace / "board.pdf").read_bytes().startswith(b"%PDF")
    again = command("calibrate", "board", "--print-board", "board.png")
    assert again.code == 2 and "exists" in again.err
