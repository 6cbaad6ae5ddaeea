"""Files of a rebuilt track: map, poses, centre line, camera and figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from sim2real.datasets.files import write_tables
from sim2real.files.atomic import with_null, write_file, write_json
from sim2real.files.configs import to_plain
from sim2real.files.folders import new_folder
from sim2real.tracks.centre_line import CentreLine
from sim2real.tracks.footage import Segment
from sim2real.tracks.ground import Mount
from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.odometry import Drive
from sim2real.tracks.rebuild import Placed
from sim2real.tracks.reconstruct_config import ReconstructConfig

FORMAT_VERSION = 1


def picture(mosaic: Mosaic) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB of a map as one looks at it: x to the right, y up; unknown ground is white."""
    seen = np.where(mosaic.known[..., None], mosaic.colours, 255).astype(np.uint8)
    return np.ascontiguousarray(np.flip(seen.transpose(1, 0, 2), 0))


def write_track(
    folder: Path,
    config: ReconstructConfig,
    mount: Mount,
    mosaic: Mosaic,
    line: CentreLine,
    placed: Placed,
    drives: Mapping[int, Drive],
    segments: list[Segment],
    where: Mapping[int, Mapping[int, np.ndarray]],
    metrics: Mapping[str, Any],
) -> None:
    """Write a track's folder in one step; raises InputError if it exists.

    `map.png` has x to the right and y up; its lower left pixel's middle is at `origin` in `track.json`.
    """
    with new_folder(folder) as inside:
        done, coded = cv2.imencode(".png", cv2.cvtColor(picture(mosaic), cv2.COLOR_RGB2BGR))
        assert done
        write_file(inside / "map.png", coded.tobytes())
        write_tables(inside / "poses.parquet", [_poses(line, placed, drives, segments, where)])
        write_json(inside / "camera.json", mount.camera.to_dict())
        write_json(
            inside / "track.json",
            {
                "format_version": FORMAT_VERSION,
                "config": to_plain(config),
                "cell": mosaic.cell,
                "origin": mosaic.origin.tolist(),
                "camera": {"x": mount.x, "height": mount.height, "pitch": mount.pitch},
                "line": {"points": np.round(line.points, 4).tolist(), "closed": line.closed, "width": line.width},
            },
        )
        write_json(inside / "metrics.json", {"format_version": FORMAT_VERSION, **with_null(metrics)})


def _poses(
    line: CentreLine,
    placed: Placed,
    drives: Mapping[int, Drive],
    segments: list[Segment],
    where: Mapping[int, Mapping[int, np.ndarray]],
) -> pa.Table:
    """Return a row per placed frame: episode, frame, whether it was held out, pose, and place beside the line."""
    parts = []
    for k in sorted({*placed.poses, *where}):
        held = k in where
        keys = np.array(sorted(where[k]), int) if held else placed.supported(k)
        poses = np.array([where[k][key] for key in keys]).reshape(-1, 3) if held else placed.poses[k][keys]
        rows, poses = drives[k].laid(keys, poses)
        segment = segments[k]
        parts.append(
            np.column_stack([np.full(len(rows), segment.index), rows + segment.first, np.full(len(rows), held), poses])
        )
    table = np.concatenate(parts)
    nearest, offset, heading = line.beside(table[:, 3:])
    along = nearest * line.length / len(line.points)
    columns = {
        "episode_index": table[:, 0].astype(np.int64),
        "frame_index": table[:, 1].astype(np.int64),
        "held_out": table[:, 2].astype(bool),
        **{name: table[:, 3 + k] for k, name in enumerate(("x", "y", "yaw"))},
        **{"along": along, "offset": offset, "heading": heading, "curvature": line.curvature[nearest]},
    }
    return pa.table(columns)
