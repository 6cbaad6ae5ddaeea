"""Whether a camera still looks where it did: the frame before a session against a stored reference frame.

Local features (SIFT, Lowe 2004) of both frames are matched in both directions; a similarity (shift, roll, zoom) on
which most of them agree is found by RANSAC. What moved in front of the camera disagrees and is left out; brightness
hardly matters. If too few agree, or only those in one place, nothing is said about the camera.
"""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sim2real.datasets.images import decode, encode
from sim2real.errors import InputError
from sim2real.files import read_json, write_file, write_json

FINE, DRIFTED, UNKNOWN = "fine", "drifted", "cannot tell"
_SAID = {FINE: "the camera stands as it did", DRIFTED: "the camera moved"}
TOLERANCE = 0.01  # of the frame's width; training varies the arm's camera by 1.3 %
_WIDTH = 640  # px, at which features are sought: small frames are enlarged
_AGREE = 0.006  # of the width, maximum distance of a feature from where the similarity has it
_FEWEST, _SHARE, _SPREAD = 12, 0.4, 0.04  # features that agree: count, share of the matches, hull's share of the frame
_ZOOM = 1.5  # beyond it, in either direction, the match is of something else
_IMAGE, _FACTS = "reference.png", "reference.json"


@dataclass(frozen=True)
class Reference:
    """A frame of the camera as it should stand.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        camera: name of the camera.
        focal: focal length in px of this frame; None: unknown.
        taken: when, in words.
    """

    frame: np.ndarray
    camera: str
    focal: float | None
    taken: str


@dataclass(frozen=True)
class Drift:
    """How a camera moved since the reference.

    Attributes:
        verdict: FINE, DRIFTED or UNKNOWN.
        text: the verdict and its reason in one line.
        largest: largest shift of a corner or the centre of the frame [px], the measure of the verdict; None: unknown,
            as all of the following.
        shift: shift (right, down) of the picture at the centre of the frame [px].
        roll: clockwise turn of the picture [rad].
        zoom: enlargement of the picture.
        turn: (yaw to the left, pitch up) of the camera that shifts the picture so [rad]; None without a focal length.
        agreeing, matches: features that agree, of those that were matched.
    """

    verdict: str
    text: str
    largest: float | None = None
    shift: tuple[float, float] | None = None
    roll: float | None = None
    zoom: float | None = None
    turn: tuple[float, float] | None = None
    agreeing: int = 0
    matches: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def save_reference(folder: Path, frame: np.ndarray, camera: str, focal: float | None = None) -> None:
    """Write a frame (H, W, 3) uint8 RGB as the reference of a camera: `reference.png`, and facts beside it as JSON.

    Args:
        focal: focal length in px of this frame, for angles; None: unknown.

    Raises:
        ValueError: not such a frame.
        OSError: the disk does not take it.
    """
    content, (height, width) = encode(frame), frame.shape[:2]
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / _IMAGE, content)
    taken = time.strftime("%Y-%m-%d %H:%M:%S %z")
    write_json(folder / _FACTS, {"camera": camera, "size": [width, height], "focal": focal, "taken": taken})


def has_reference(folder: Path) -> bool:
    """Return whether a folder has the reference of a camera."""
    return (folder / _FACTS).is_file()


def load_reference(folder: Path) -> Reference:
    """Read the reference of a camera.

    Raises:
        InputError: there is none, or it is damaged.
    """
    facts = read_json(folder / _FACTS)
    try:
        frame = decode((folder / _IMAGE).read_bytes())
        width, height = facts["size"]
        focal = None if facts["focal"] is None else float(facts["focal"])
        reference = Reference(frame, str(facts["camera"]), focal, str(facts["taken"]))
    except (OSError, InputError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: the reference frame is damaged ({error}): take a new one") from error
    if frame.shape[:2] != (height, width):
        raise InputError(f"{folder}: {_IMAGE} is not the frame that {_FACTS} describes: take a new one")
    return reference


def check_drift(reference: Reference, frame: np.ndarray, tolerance: float = TOLERANCE) -> Drift:
    """Compare a frame of the same camera with the reference.

    Args:
        frame: (H, W, 3) uint8 RGB.
        tolerance: largest shift of a corner or the centre that is fine, as a share of the frame's width.

    Raises:
        InputError: the frame has another size.
    """
    if frame.shape != reference.frame.shape:
        sizes = [f"{each.shape[1]} × {each.shape[0]}" for each in (frame, reference.frame)]
        raise InputError(f"the frame is {sizes[0]} px, the camera's reference {sizes[1]}: take a new reference")
    old, new = _matches(reference.frame, frame)
    if len(old) < _FEWEST:
        return _unknown(0, len(old), "hardly anything of the reference is seen again")
    height, width = frame.shape[:2]
    found, kept = cv2.estimateAffinePartial2D(
        old, new, method=cv2.RANSAC, ransacReprojThreshold=_AGREE * width, maxIters=5000, confidence=0.999
    )
    agree = kept.ravel().astype(bool) if found is not None else np.zeros(len(old), bool)
    count = int(agree.sum())
    if count < _FEWEST or count < _SHARE * len(old):
        return _unknown(count, len(old), "what is seen again does not agree on one motion")
    spread = cv2.contourArea(cv2.convexHull(old[agree])) / (width * height)
    zoom = float(np.hypot(found[0, 0], found[1, 0]))
    if spread < _SPREAD or not 1 / _ZOOM < zoom < _ZOOM:
        return _unknown(count, len(old), "only one place of the reference is seen again")
    return _judged(found, zoom, reference, tolerance, count, len(old))


def _matches(reference: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places (m, 2) float32 px of the same features in both frames."""
    scale = max(1.0, _WIDTH / frame.shape[1])
    sift = cv2.SIFT_create(nfeatures=1000, contrastThreshold=0.02)  # type: ignore[attr-defined]
    features = [sift.detectAndCompute(_contrast(each, scale), None) for each in (reference, frame)]
    (old, first), (new, second) = features
    if first is None or second is None or min(len(first), len(second)) < 2:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    forth, back = _nearest(first, second), _nearest(second, first)
    pairs = [(a, b) for a, b in forth.items() if back.get(b) == a]
    places = [
        np.array([points[pair[k]].pt for pair in pairs], np.float32).reshape(-1, 2)
        for k, points in enumerate((old, new))
    ]
    return (places[0] + 0.5) / scale - 0.5, (places[1] + 0.5) / scale - 0.5


def _contrast(frame: np.ndarray, scale: float) -> np.ndarray:
    """Return the frame in gray, enlarged, with equal contrast everywhere."""
    gray = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    enlarged = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return cv2.createCLAHE(2.0, (8, 8)).apply(enlarged)


def _nearest(first: np.ndarray, second: np.ndarray) -> dict[int, int]:
    """Return the most similar feature of the second set, where it clearly is more similar than the next (Lowe 2004)."""
    both = cv2.BFMatcher(cv2.NORM_L2).knnMatch(first, second, k=2)
    return {best.queryIdx: best.trainIdx for best, next_ in both if best.distance < 0.8 * next_.distance}


def _unknown(agreeing: int, matches: int, why: str) -> Drift:
    text = f"{UNKNOWN} whether the camera moved: {why} ({agreeing} of {matches} features agree)"
    return Drift(UNKNOWN, text, agreeing=agreeing, matches=matches)


def _judged(
    found: np.ndarray, zoom: float, reference: Reference, tolerance: float, agreeing: int, matches: int
) -> Drift:
    height, width = reference.frame.shape[:2]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    points = np.array([centre, (0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)])
    shifts = points @ found[:, :2].T + found[:, 2] - points
    (right, down), largest = shifts[0].tolist(), float(np.linalg.norm(shifts, axis=1).max())
    roll, focal = math.atan2(found[1, 0], found[0, 0]), reference.focal
    turn = None if focal is None else (math.atan(right / focal), math.atan(down / focal))
    verdict = FINE if largest <= tolerance * width else DRIFTED
    angles = "" if turn is None else f" ({math.degrees(turn[0]):+.1f}° yaw, {math.degrees(turn[1]):+.1f}° pitch)"
    text = (
        f"{_SAID[verdict]}: the picture by {right:+.1f} px to the right, {down:+.1f} px down{angles}, roll "
        f"{math.degrees(roll):+.1f}°, zoom {zoom:.3f}; at most {largest:.1f} px, {tolerance * width:.1f} px are fine "
        f"({agreeing} of {matches} features agree)"
    )
    return Drift(verdict, text, largest, (right, down), roll, zoom, turn, agreeing, matches)
