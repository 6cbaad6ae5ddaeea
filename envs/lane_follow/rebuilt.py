"""Tracks that `sim2real reconstruct` rebuilt from recordings, read by name: their map, centre line and camera."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from envs.camera import Camera
from envs.errors import InputError, suggest
from envs.lane_follow.scene import NOMINAL_CAMERA, CameraMount
from envs.lane_follow.track import Track, TrackConfig, closed_track

FORMAT_VERSION = 2  # of track.json
FOLDER, VARIABLE = "tracks", "SIM2REAL_TRACKS"  # where tracks lie, and the environment's variable that says so
_FILES = ("track.json", "map.png", "coverage.png", "camera.json")  # what a world is made of
_DIGITS = 12  # of the hash in a task's name


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """A rebuilt track as a world needs it, in the map's coordinates.

    Attributes:
        name: name of its folder and hash of its files, `NAME@HASH`.
        line: the centre line in the recorded driving direction.
        width: of the road [m].
        camera: the recording camera on the car.
        colours: (H, W, 3) uint8 RGB of the ground; rows go along x, columns along y.
        known: (H, W) bool, which cells a frame saw.
        origin: (2,) m, the middle of cell [0, 0].
        cell: [m]
    """

    name: str
    line: Track
    width: float
    camera: CameraMount
    colours: np.ndarray
    known: np.ndarray
    origin: np.ndarray
    cell: float


def read_rebuilt(name: str) -> Rebuilt:
    """Read a track by its name below the folder `tracks`, or the one that SIM2REAL_TRACKS names.

    Args:
        name: NAME, or NAME@HASH to refuse any other track of that name.

    Raises:
        InputError: no such track, one with another hash, one that is not closed, or a damaged file.
    """
    short, _, wanted = name.partition("@")
    folder = _folder(short)
    try:
        contents = {each: (folder / each).read_bytes() for each in _FILES}
    except OSError as error:
        raise InputError(f"cannot read the track's {error.filename}: {error.strerror}; reconstruct it again") from None
    found = hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in contents.values())).hexdigest()[:_DIGITS]
    if wanted and wanted != found:
        raise InputError(
            f"{folder} has changed (hash {found}): LaneFollow:{name} needs the track as it was, or train again on"
            f" LaneFollow:{short}"
        )
    return _parsed(folder, f"{short}@{found}")


def _folder(short: str) -> Path:
    """Return the folder of a track; raises InputError if there is none, with those that there are."""
    root = Path(os.environ.get(VARIABLE) or FOLDER)
    if re.fullmatch(r"\w[\w.-]*", short) and (root / short / "track.json").is_file():
        return root / short
    there = [path.parent.name for path in root.glob("*/track.json")]
    hint = (
        suggest(short, there) if there else f"make one with `sim2real reconstruct`, or name their folder in {VARIABLE}"
    )
    raise InputError(f"no rebuilt track {short!r} in {root}/; {hint}")


@lru_cache(maxsize=4)
def _parsed(folder: Path, name: str) -> Rebuilt:
    """Return a track of a folder; the name has its hash, so that a changed one is read again."""
    about, lens = (read_json(folder / each) for each in ("track.json", "camera.json"))
    colours, known = read_cells(folder / "map.png"), read_cells(folder / "coverage.png")[..., 0] > 127
    if colours.shape[:2] != known.shape:
        raise InputError(f"{folder}: map.png and coverage.png differ in size")
    if about.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{folder / 'track.json'} has another format: reconstruct the track again with this version")
    try:
        line, mount = about["line"], about["mount"]
        points = np.array(line["points"], float).reshape(-1, 2)
        width = float(line["width"] or TrackConfig.road_width)
        origin, cell = np.array(about["origin"], float).reshape(2), float(about["cell"])
        pose = [float(mount.get("roll", 0.0)), *(float(mount[each]) for each in ("x", "height", "pitch"))]
        closed = bool(line["closed"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{folder / 'track.json'} is damaged: {error!r}") from None
    if not np.isfinite([*pose, *origin, *points.ravel()]).all() or not (cell > 0 and width > 0 and len(points) > 20):
        raise InputError(f"{folder / 'track.json'} is damaged: it has impossible numbers")
    if not closed:
        raise InputError(f"{folder} is not closed: episodes of LaneFollow go round, so it needs a log with a whole lap")
    if not known.any():
        raise InputError(f"{folder / 'coverage.png'} is empty: no part of the map is known")
    roll, x, height, pitch = pose
    camera = replace(NOMINAL_CAMERA, view=replace(NOMINAL_CAMERA.view, camera=_lens(folder / "camera.json", lens)))
    camera = replace(camera, position=(x, 0.0, height), pitch=pitch, roll=roll)
    return Rebuilt(name, closed_track(points), width, camera, colours, known, origin, cell)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises InputError for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the track's {path}: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it is not a JSON object")
    return content


def read_cells(path: Path) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB of a picture of the map, rows along x and columns along y.

    The file has x to the right and y up.

    Raises:
        InputError: the file is missing, or no picture.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the map's {path}: {error.strerror}") from None
    if b"IEND" not in content[-64:]:  # decoders fill the missing part of some truncated files silently
        raise InputError(f"cannot read the map's {path}: not a complete PNG")
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise InputError(f"cannot read the map's {path}: it is not a picture")
    return np.ascontiguousarray(np.flip(picture, 0).transpose(1, 0, 2))


def _lens(path: Path, content: Mapping[str, Any]) -> Camera:
    """Return the recording camera at the size of the task's frames."""
    try:
        lens = Camera.from_dict(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    width, height = NOMINAL_CAMERA.view.camera.width, NOMINAL_CAMERA.view.camera.height
    if lens.width * height != lens.height * width:
        raise InputError(f"{path} gives {lens.width}x{lens.height} px, LaneFollow needs the shape of {width}x{height}")
    return lens if lens.width == width else lens.resize(width, height)
