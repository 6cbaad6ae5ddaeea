"""Calibration of a camera from images of a board: the public function behind `sim2real calibrate board`."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from envs.camera import Camera
from sim2real.calibration.board import Finder, View
from sim2real.calibration.config import BoardConfig
from sim2real.calibration.lens_models import Model, best, compare_models, pose, residuals
from sim2real.errors import InputError
from sim2real.files import write_json
from sim2real.progress import Progress, Stages, no_stages
from sim2real.robots.webcam import Webcam
from sim2real.runs import start_run

FEWEST_VIEWS = 10
LARGEST_RMS = 1.0  # px, held out
LEAST_COVERED = 0.4  # share of the frame's fields that hold a corner of some view
LEAST_TILT = 15.0  # degrees between the two most different views: without tilt, focal length and distance are one
FIELDS = (8, 6)  # of the frame, across and down
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_MOVED = 0.04  # of the frame's width, that the board must have moved for another view
_PATIENCE = 60.0  # s without a new view, after which a webcam's views are enough

Source = Callable[[], tuple[np.ndarray, float]]


@dataclass(frozen=True)
class BoardCalibration:
    """A camera, calibrated from views of a board.

    Attributes:
        config: settings.
        folder: folder of the run, with camera.json.
        views: images that show the board.
        unseen: names of images that do not.
        model: the chosen lens model.
        models: all that were compared.
        offsets: (N, 2) px, reprojection errors of all corners by the camera of all views.
        covered: share of the frame that corners were seen in.
        tilt: [degrees] between the most different views.
        metrics: content of `metrics.json`.
    """

    config: BoardConfig
    folder: Path
    views: list[View]
    unseen: list[str]
    model: Model
    models: list[Model]
    offsets: np.ndarray
    covered: float
    tilt: float
    metrics: Mapping[str, Any]

    @property
    def camera(self) -> Camera:
        """Return the camera."""
        assert self.model.camera is not None
        return self.model.camera


def calibrate_board(
    config: BoardConfig, out: Path | None = None, stages: Stages = no_stages, opened: Callable[[str], Any] | None = None
) -> BoardCalibration:
    """Fit lens models to views of a board, and choose among them by views that they were not fitted to.

    The run's folder gets config.json, camera.json and metrics.json.

    Args:
        out: folder of the run; None: a new one under `runs/`.
        opened: opens a webcam; None: OpenCV's.

    Raises:
        InputError: no images, images of several sizes, or a calibration that is not good enough; nothing is written.
        OSError: no such webcam.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists: choose another --out")
    finder, progress = Finder(config.board), stages("find the board")
    if config.images.isdigit():
        webcam = Webcam(config.images, opened)
        try:
            views, size = watched(webcam.latest, finder, config.views, progress)
        finally:
            webcam.close()
        unseen: list[str] = []
    else:
        views, unseen, size = read_views(Path(config.images), finder, progress)
    _check_views(config, views, len(unseen))
    report = stages("compare lens models")
    models = compare_models(views, size)
    report(1, 1)
    model = best(models)
    covered, tilt = coverage(views, size), 0.0
    if model.camera is not None:
        tilt = most_tilt(model.camera, views)
    _check_quality(config, model, covered, tilt)
    assert model.camera is not None
    offsets = np.concatenate([residuals(model.camera, view) for view in views])
    metrics = {
        "finished": True,
        "views": len(views),
        "unseen": len(unseen),
        "corners": len(offsets),
        "model": model.name,
        "rms": {"heldout": model.rms, "fitted": float(np.sqrt(np.square(offsets).sum(1).mean()))},
        "heldout": {each.name: each.rms for each in models},
        "covered": covered,
        "tilt": tilt,
    }
    run, config = start_run("calibrate-board", config, out, resume=False)
    write_json(run.folder / "camera.json", model.camera.to_dict())
    run.write_metrics(metrics)
    return BoardCalibration(config, run.folder, views, unseen, model, models, offsets, covered, tilt, run.metrics)


def read_views(folder: Path, finder: Finder, progress: Progress) -> tuple[list[View], list[str], tuple[int, int]]:
    """Return the views in a folder's images, the images without one, and their size (width, height)."""
    if not folder.is_dir():
        raise InputError(f"no such folder of images: {folder}")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"{folder} has no images ({', '.join(SUFFIXES)})")
    views: list[View] = []
    unseen, sizes = [], {}
    for k, path in enumerate(paths, 1):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{path} is not an image, or damaged")
        sizes[path.name] = image.shape[1::-1]
        view = finder.find(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), path.name)
        if view is None:
            unseen.append(path.name)
        else:
            views.append(view)
        progress(k, len(paths), {"views": len(views)})
    if len(set(sizes.values())) > 1:
        raise InputError(f"{folder} has images of several sizes: {sorted(set(sizes.values()))}; a camera has one")
    return views, unseen, next(iter(sizes.values()))


def watched(latest: Source, finder: Finder, count: int, progress: Progress) -> tuple[list[View], tuple[int, int]]:
    """Take views from a webcam, each with the board elsewhere; stops when there are enough, or none come any more."""
    views: list[View] = []
    size, since, last = (0, 0), time.monotonic(), -1.0
    while len(views) < count and time.monotonic() - since < _PATIENCE:
        image, taken = latest()
        if taken == last:
            time.sleep(0.02)
            continue
        last, size = taken, (image.shape[1], image.shape[0])
        view = finder.find(image, f"view {len(views) + 1}")
        if view is not None and all(_apart(view, other) > _MOVED * size[0] for other in views):
            views.append(view)
            since = time.monotonic()
        progress(len(views), count)
    return views, size


def _apart(a: View, b: View) -> float:
    """Return the mean distance [px] of the corners that two views share; infinite without any."""
    known = {tuple(corner): pixel for corner, pixel in zip(b.corners, b.pixels, strict=True)}
    apart = [np.hypot(*(p - known[tuple(c)])) for c, p in zip(a.corners, a.pixels, strict=True) if tuple(c) in known]
    return float(np.mean(apart)) if apart else np.inf


def coverage(views: Sequence[View], size: tuple[int, int]) -> float:
    """Return the share of the frame's FIELDS that hold a corner of some view."""
    pixels = np.concatenate([view.pixels for view in views])
    field = np.clip((pixels / size * FIELDS).astype(int), 0, np.array(FIELDS) - 1)
    return len(np.unique(field, axis=0)) / (FIELDS[0] * FIELDS[1])


def most_tilt(camera: Camera, views: Sequence[View]) -> float:
    """Return the largest angle [degrees] between the boards of two views."""
    normals = np.array([found[0][:, 2] for view in views if (found := pose(camera, view)) is not None])
    if len(normals) < 2:
        return 0.0
    return float(np.degrees(np.arccos(np.clip(normals @ normals.T, -1, 1).min())))


def _check_views(config: BoardConfig, views: Sequence[View], unseen: int) -> None:
    if len(views) < FEWEST_VIEWS:
        board = config.board
        raise InputError(
            f"{config.images}: {len(views)} of {len(views) + unseen} images show the {board.kind} board of "
            f"{board.columns} x {board.rows} squares, {FEWEST_VIEWS} are needed (--kind, --columns, --rows)"
        )


def _check_quality(config: BoardConfig, model: Model, covered: float, tilt: float) -> None:
    if model.camera is None or not model.rms <= LARGEST_RMS:
        raise InputError(
            f"{config.images}: no lens model is within {LARGEST_RMS:g} px on held-out views (the best: {model.rms:.2f} "
            "px): are they blurred, is the board flat and the right one?"
        )
    if covered < LEAST_COVERED:
        raise InputError(
            f"{config.images}: the board was seen in {100 * covered:.0f} % of the frame, {100 * LEAST_COVERED:.0f} % "
            "are needed: hold it nearer, and into the corners"
        )
    if tilt < LEAST_TILT:
        raise InputError(
            f"{config.images}: the board was tilted by {tilt:.0f} degrees at most, {LEAST_TILT:.0f} are needed: "
            "without tilt the focal length is unknown"
        )
