"""Files of a rebuilt track: map, poses, keyframes, centre line, camera and figures."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from envs import make_task
from envs.batch_env import resolve_randomization
from envs.lane_follow.rebuilt import FORMAT_VERSION
from sim2real.datasets.files import write_tables
from sim2real.datasets.images import encode
from sim2real.files.atomic import with_null, write_file, write_json
from sim2real.files.configs import to_plain
from sim2real.files.folders import replaced_folder
from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.rebuilding.domain import measured_randomization
from sim2real.tracks.rebuilding.reconstruct_config import ReconstructConfig
from sim2real.tracks.rebuilding.reconstruction import Reconstruction

_VARIED = (
    "The default randomization of LaneFollow with the car that was measured on the log: steering, trim, speed, delay.",
    "For `sim2real pretrain LaneFollow --randomization THIS-FILE`.",
)
_POSE = ("x", "y", "yaw")


def picture(mosaic: Mosaic) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB of a map as one looks at it: x to the right, y up; unknown ground is white."""
    seen = np.where(mosaic.known[..., None], mosaic.colours, 255).astype(np.uint8)
    return np.ascontiguousarray(np.flip(seen.transpose(1, 0, 2), 0))


def write_track(folder: Path, config: ReconstructConfig, track: Reconstruction, fps: float) -> None:
    """Write a track's folder in one step, in place of its unfinished run; raises InputError if it is anything else.

    `map.png` has x to the right and y up; its lower left pixel's middle is at `origin` in `track.json`. `coverage.png`
    has the same cells: 255 where the map is known. `frames.parquet` keeps the keyframes that have a place.
    """
    metrics, line = track.metrics(), track.line
    with replaced_folder(folder, "config.json") as inside:
        write_file(inside / "map.png", encode(picture(track.mosaic)))
        write_file(inside / "coverage.png", encode(_coverage(track.mosaic)))
        write_tables(inside / "poses.parquet", [_poses(track)])
        write_tables(inside / "frames.parquet", [_frames(track)])
        write_json(inside / "camera.json", track.mount.camera.to_dict())
        varied = measured_randomization(
            resolve_randomization(make_task("LaneFollow", "train").spec, "default"), track.vehicle
        )
        write_file(inside / "randomization.toml", varied.to_toml(*_VARIED).encode())
        write_json(
            inside / "track.json",
            {
                "format_version": FORMAT_VERSION,
                "config": to_plain(config),
                "fps": fps,
                "cell": track.mosaic.cell,
                "origin": track.mosaic.origin.tolist(),
                "mount": {name: getattr(track.mount, name) for name in ("x", "height", "pitch", "roll")},
                "line": {
                    "points": np.round(line.points, 4).tolist(),
                    "closed": line.closed,
                    "width": line.width,
                    "distinct": line.distinct,
                },
                **{name: with_null(metrics[name]) for name in ("vehicle", "driver")},
            },
        )
        write_json(inside / "metrics.json", {"format_version": FORMAT_VERSION, **with_null(metrics)})


def _coverage(mosaic: Mosaic) -> np.ndarray:
    known = np.ascontiguousarray(np.flip(mosaic.known.T, 0)).astype(np.uint8) * 255
    return cv2.merge([known] * 3)


def _poses(track: Reconstruction) -> pa.Table:
    """Return a row per frame that has a place: episode, frame, whether held out, pose, and place beside the line."""
    parts = []
    for k, keys, at, held in track.keyframes():
        rows, poses = track.drives[k].laid(keys, at)
        segment = track.segments[k]
        index, frame = np.full(len(rows), segment.index), rows + segment.first
        parts.append(np.column_stack([index, frame, np.full(len(rows), held), poses]))
    table, line = np.concatenate(parts), track.line
    nearest, offset, heading = line.beside(table[:, 3:])
    columns = {
        "episode_index": table[:, 0].astype(np.int64),
        "frame_index": table[:, 1].astype(np.int64),
        "held_out": table[:, 2].astype(bool),
        **{name: table[:, 3 + k] for k, name in enumerate(_POSE)},
        **{"along": nearest * line.length / len(line.points), "offset": offset, "heading": heading},
        "curvature": line.curvature[nearest],
    }
    return pa.table(columns)


def _frames(track: Reconstruction) -> pa.Table:
    """Return a row per keyframe that has a place: episode, frame, whether held out, pose, and its image as JPEG."""
    rows = []
    for k, keys, poses, held in track.keyframes():
        segment, drive = track.segments[k], track.drives[k]
        for row, image, pose in zip(drive.rows[keys], drive.images[keys], poses, strict=True):
            frame = {"episode_index": segment.index, "frame_index": segment.first + int(row), "held_out": held}
            rows.append({**frame, **dict(zip(_POSE, map(float, pose), strict=True)), "image": encode(image, ".jpg")})
    return pa.Table.from_pylist(rows)
