"""Lens models fitted to views of a board by OpenCV, and judged on views that they were not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from envs.camera import Camera
from sim2real.calibration.board import View

MODELS = ("pinhole", "brown-conrady", "fisheye")
"""From the simplest on; Brown-Conrady with k1, k2, p1, p2, the fisheye with k1 … k4."""
FOLDS = 5


@dataclass(frozen=True)
class Model:
    """A fitted lens model.

    Attributes:
        name: one of MODELS.
        camera: fitted to all views; None: OpenCV found none.
        errors: (V,) px, root mean square reprojection error of each view by cameras that were fitted without it.
    """

    name: str
    camera: Camera | None
    errors: np.ndarray

    @property
    def rms(self) -> float:
        """Return the held-out error [px]."""
        return float(np.sqrt(np.square(self.errors).mean()))


def compare_models(views: Sequence[View], size: tuple[int, int]) -> list[Model]:
    """Fit every model; size (width, height) px."""
    folds = np.arange(len(views)) % FOLDS
    result = []
    for name in MODELS:
        errors = np.full(len(views), np.inf)
        for fold in range(FOLDS):
            camera = calibrated(name, [view for view, of in zip(views, folds, strict=True) if of != fold], size)
            for k, view in enumerate(views):
                if camera is None or folds[k] != fold:
                    continue
                errors[k] = np.sqrt(np.square(residuals(camera, view)).sum(1).mean())
        result.append(Model(name, calibrated(name, views, size), errors))
    return result


def best(models: Sequence[Model]) -> Model:
    """Return the simplest model that is no worse on held-out views than the best, within one standard error."""
    known = [each for each in models if each.camera is not None and np.isfinite(each.errors).all()]
    if not known:
        return models[0]
    least = min(known, key=lambda each: each.rms)
    for each in known:
        more = np.square(each.errors) - np.square(least.errors)
        if more.mean() <= more.std(ddof=1) / np.sqrt(len(more)):
            return each
    return least


def calibrated(name: str, views: Sequence[View], size: tuple[int, int]) -> Camera | None:
    """Return the camera that OpenCV fits to views, square pixels not assumed; None if it finds none."""
    objects = [np.column_stack([view.corners, np.zeros(len(view.corners))])[None].astype(np.float32) for view in views]
    pixels = [view.pixels[None].astype(np.float32) for view in views]
    try:
        if name == "fisheye":
            # OpenCV's own start has no field of view that fits every lens: begin with one of 90 degrees across.
            matrix = np.array([[size[0] / 1.6, 0, size[0] / 2 - 0.5], [0, size[0] / 1.6, size[1] / 2 - 0.5], [0, 0, 1]])
            flags = sum(_flag(f"CALIB_{each}") for each in ("RECOMPUTE_EXTRINSIC", "FIX_SKEW", "USE_INTRINSIC_GUESS"))
            _, matrix, lens, *_ = cv2.fisheye.calibrate(objects, pixels, size, matrix, np.zeros((4, 1)), flags=flags)
        else:
            none = cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_ZERO_TANGENT_DIST
            flags = cv2.CALIB_FIX_K3 | (none if name == "pinhole" else 0)
            _, matrix, lens, *_ = cv2.calibrateCamera(objects, pixels, size, None, None, flags=flags)  # type: ignore[call-overload]
    except cv2.error:
        return None
    if not (np.isfinite(matrix).all() and np.isfinite(lens).all() and min(matrix[0, 0], matrix[1, 1]) > 0):
        return None
    coefficients = () if name == "pinhole" else tuple(float(v) for v in np.ravel(lens)[:4])
    return Camera(*size, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], coefficients, name)


def _flag(name: str) -> int:
    """Return a flag of the fisheye's calibration; OpenCV 5 has them beside the others."""
    return int(getattr(cv2.fisheye, name) if hasattr(cv2.fisheye, name) else getattr(cv2, name))


def pose(camera: Camera, view: View) -> tuple[np.ndarray, np.ndarray] | None:
    """Return rotation (3, 3) and position (3,) camera_from_board that a view shows; None if the lens does not."""
    rays = camera.unproject(view.pixels)
    seen = np.isfinite(rays).all(1) & (rays[:, 2] > 0.05)
    if seen.sum() < 6:
        return None
    corners = np.column_stack([view.corners, np.zeros(len(view.corners))])
    plane = rays[seen, :2] / rays[seen, 2:]
    found, turn, place = cv2.solvePnP(corners[seen], plane, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE)
    if not found:
        return None
    turn, place = cv2.solvePnPRefineLM(corners[seen], plane, np.eye(3), np.zeros(4), turn, place)
    return cv2.Rodrigues(turn)[0], place.ravel()


def residuals(camera: Camera, view: View) -> np.ndarray:
    """Return (n, 2) px, where a camera sees a view's corners less where they are; the frame's size where it cannot."""
    found = pose(camera, view)
    if found is None:
        return np.full_like(view.pixels, camera.width)
    turn, place = found
    corners = np.column_stack([view.corners, np.zeros(len(view.corners))])
    return np.nan_to_num(camera.project(corners @ turn.T + place) - view.pixels, nan=camera.width)
