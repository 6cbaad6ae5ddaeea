"""Images of a calibration board through a known lens, drawn without a simulator."""

from pathlib import Path

import cv2
import numpy as np

from envs.camera import Camera
from sim2real.calibration.board import Finder
from sim2real.calibration.config import Board

PINHOLE = Camera(320, 240, 260.0, 258.0, 155.0, 123.0)
FISHEYE = Camera(320, 240, 150.0, 150.0, 163.0, 116.0, (-0.03, 0.01, 0.0, 0.0), "fisheye")


def seen(camera: Camera, board: Board, turn: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB, what a camera sees of a board at a rotation vector (3,) and place (3,) camera_from_board."""
    square = 60
    picture = cv2.GaussianBlur(Finder(board).picture(square), (0, 0), 2)
    rays = camera.rays(3) * (1, -1, -1)
    rotation = cv2.Rodrigues(np.asarray(turn, float))[0]
    # Of the board: points where rotation.T (distance * ray - place) has z = 0.
    normal = rotation[:, 2]
    with np.errstate(all="ignore"):
        distance = (normal @ place) / (rays @ normal)
        on = (distance[..., None] * rays - place) @ rotation
    pixel = np.where((distance > 0)[..., None], on[..., :2] / board.square * square, -1e4).astype(np.float32)
    views = [cv2.remap(picture, p[..., 0], p[..., 1], cv2.INTER_LINEAR, borderValue=200) for p in pixel]
    grey = np.mean(views, 0).round().astype(np.uint8)
    return np.dstack([grey] * 3)


def photograph(folder: Path, camera: Camera, board: Board, count: int, tilt: float = 0.5, near: float = 1.0) -> Path:
    """Write images of a board held here and there; `tilt` in rad, `near` as a share of the usual distance."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    middle = board.square * np.array([board.columns, board.rows]) / 2
    for k in range(count):
        turn = random.uniform(-tilt, tilt, 3)
        pixel = random.uniform((0.25, 0.25), (0.75, 0.75)) * (camera.width, camera.height)
        ray = camera.unproject(pixel)
        distance = near * random.uniform(0.9, 1.3) * board.square * board.columns * camera.fx / camera.width
        place = distance * ray / ray[2] - cv2.Rodrigues(turn)[0] @ np.append(middle, 0)
        cv2.imwrite(str(folder / f"{k:03d}.png"), seen(camera, board, turn, place))
    return folder
