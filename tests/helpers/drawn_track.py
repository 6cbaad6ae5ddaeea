"""A rebuilt track's folder, written from a printed track: as if every frame of a log had been placed exactly."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from printed_track import CELL, CURVATURE_PER_STEERING, NOMINAL, ROAD, PrintedTrack
from sim2real.datasets.files import write_tables
from sim2real.datasets.images import encode
from sim2real.files.atomic import write_file, write_json
from sim2real.tracks.centre_line import line_through
from sim2real.tracks.rebuilding.writing import FORMAT_VERSION

FPS, THROTTLE_SPEED = 20, 3.0  # Hz, m/s per unit of throttle
VEHICLE = {
    "curvature_per_steering": {"value": CURVATURE_PER_STEERING, "low": -2.6, "high": -2.4},
    "curvature_offset": {"value": 0.0, "low": -0.05, "high": 0.05},
    "delay": {"value": 0.18, "low": 0.15, "high": 0.22},
    "speed_per_throttle": {"value": THROTTLE_SPEED, "low": 2.8, "high": 3.2},
}
_PRINTED = PrintedTrack()


def drawn_drives(count: int = 60) -> list[np.ndarray]:
    """(count, 3) poses of the frames of both drives of a drawn track."""
    return [_PRINTED.poses(0, count), _PRINTED.poses(count * 8, count, back=True, aside=0.05)]


def write_drawn_track(
    folder: Path, closed: bool = True, image: tuple[int, int] = (160, 120), shrink: int = 1, **vehicle: None
) -> Path:
    """Write a track that was driven both ways, and whose every fourth keyframe is held out; open: only the first half.

    Args:
        image: width and height of its camera's frames.
        shrink: the map's cells are so many of the printed track's long.
        vehicle: figures of the vehicle that are not known.
    """
    printed, every = _PRINTED, 2
    folder.mkdir(parents=True)
    picture = np.ascontiguousarray(np.flip(printed.picture.transpose(1, 0, 2), 0))
    picture = cv2.resize(
        picture, (picture.shape[1] // shrink, picture.shape[0] // shrink), interpolation=cv2.INTER_AREA
    )
    write_file(folder / "map.png", encode(picture))
    write_file(folder / "coverage.png", encode(np.full_like(picture, 255)))
    points = printed.line[::every] if closed else printed.line[: len(printed.line) // 2 : every]
    line = line_through(points, closed, ROAD, 3.0)
    count = 60 if closed else 45
    drives = drawn_drives(count)
    poses = np.concatenate(drives)
    nearest, offset, heading = line.beside(poses)
    place = {name: poses[:, k] for k, name in enumerate(("x", "y", "yaw"))}
    index = {
        "episode_index": np.repeat(np.arange(len(drives)), count),
        "frame_index": np.tile(np.arange(count), len(drives)),
        "held_out": np.tile(np.arange(count) % 12 == 6, len(drives)),
    }
    beside = {"along": nearest * line.length / len(line.points), "offset": offset, "heading": heading}
    write_tables(folder / "poses.parquet", [pa.table({**index, **place, **beside})])
    keys = np.arange(0, len(poses), 3)
    images = pa.array([encode(printed.frame(poses[k]), ".jpg") for k in keys], pa.binary())
    kept = {name: values[keys] for name, values in {**index, **place}.items()}
    write_tables(folder / "frames.parquet", [pa.table({**kept, "image": images})])
    camera = NOMINAL.camera if image == (160, 120) else NOMINAL.camera.resize(*image)
    write_json(folder / "camera.json", camera.to_dict())
    about = {
        "format_version": FORMAT_VERSION,
        "fps": FPS,
        "cell": CELL * shrink,
        "origin": [CELL * (shrink - 1) / 2] * 2,
        "mount": {"x": NOMINAL.x, "height": NOMINAL.height, "pitch": NOMINAL.pitch},
        "line": {"points": points.tolist(), "closed": closed, "width": ROAD, "distinct": 3.0},
        "vehicle": {**VEHICLE, **vehicle},
        "driver": {"offset": {"mean": float(offset.mean()), "std": float(offset.std())}},
    }
    write_json(folder / "track.json", about)
    return folder
