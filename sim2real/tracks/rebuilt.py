"""A rebuilt track, read from its folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from envs.lane_follow.rebuilt import FORMAT_VERSION, read_cells
from sim2real.datasets.images import decode
from sim2real.errors import InputError
from sim2real.files.atomic import read_versioned_json
from sim2real.statistics.agreement import Estimate
from sim2real.tracks.centre_line import CentreLine, line_through
from sim2real.tracks.ground import Mount
from sim2real.tracks.mosaic import Mosaic
from sim2real.worlds import read_camera

_KEYFRAME = ("episode_index", "frame_index", "held_out", "x", "y", "yaw", "image")  # columns


@dataclass(frozen=True)
class Keyframes:
    """Frames of the log that have a place on the map.

    Attributes:
        episode, frame: (m,) of the dataset.
        held_out: (m,) bool, whether the map was made without it.
        poses: (m, 3) map_from_car.
        encoded: m images, JPEG.
    """

    episode: np.ndarray
    frame: np.ndarray
    held_out: np.ndarray
    poses: np.ndarray
    encoded: list[bytes]

    def image(self, k: int) -> np.ndarray:
        """Return (h, w, 3) uint8 RGB of a keyframe."""
        return decode(self.encoded[k])


@dataclass(frozen=True)
class RebuiltTrack:
    """A track that policies can be driven on.

    Attributes:
        folder: where it was read from.
        mount: the camera on the car.
        mosaic: the map; its coverage is 0 or 1.
        line: its centre line.
        fps: of the recordings [Hz].
        vehicle: what the car did for its commands (`sim2real.tracks.rebuilding.vehicle.NAMES`); None: not known.
        driver: mean and standard deviation of the driver's offset to the left of the line [m].
    """

    folder: Path
    mount: Mount
    mosaic: Mosaic
    line: CentreLine
    fps: float
    vehicle: dict[str, Estimate | None]
    driver: dict[str, float]

    @cached_property
    def poses(self) -> dict[str, np.ndarray]:
        """Return the columns of `poses.parquet`: every placed frame's pose, and its place beside the line."""
        table = _table(self.folder / "poses.parquet")
        return {name: table[name].to_numpy() for name in table.column_names}

    @cached_property
    def keyframes(self) -> Keyframes:
        """Return the kept frames; raises InputError if they cannot be read."""
        path = self.folder / "frames.parquet"
        table = _table(path)
        missing = [name for name in _KEYFRAME if name not in table.column_names]
        if missing or not len(table):
            what = f"no {', '.join(missing)}" if missing else "no frames"
            raise InputError(f"{path} has {what}: reconstruct the track again")
        poses = np.stack([table[name].to_numpy() for name in ("x", "y", "yaw")], 1)
        episode, frame, held_out = (table[name].to_numpy() for name in ("episode_index", "frame_index", "held_out"))
        return Keyframes(episode, frame, held_out, poses, table["image"].to_pylist())


def read_track(folder: Path) -> RebuiltTrack:
    """Read a track that `reconstruct` wrote.

    Raises:
        InputError: the folder is no track, or a file of it is missing or damaged.
    """
    if not (folder / "track.json").is_file():
        raise InputError(f"{folder} is no rebuilt track (it has no track.json): make one with `sim2real reconstruct`")
    about = read_versioned_json(folder / "track.json", FORMAT_VERSION)
    try:
        known = read_cells(folder / "coverage.png")[..., 0] > 127
        colours = read_cells(folder / "map.png")
        if colours.shape[:2] != known.shape:
            raise InputError(f"{folder}: map.png and coverage.png differ in size")
        line = about["line"]
        vehicle = {name: each and Estimate(**each) for name, each in about["vehicle"].items()}
        return RebuiltTrack(
            folder,
            Mount(read_camera(folder / "camera.json"), **about["mount"]),
            Mosaic(colours, known.astype(np.float32), np.array(about["origin"], float), float(about["cell"])),
            line_through(np.array(line["points"], float), line["closed"], line["width"], line["distinct"]),
            float(about["fps"]),
            vehicle,
            about["driver"]["offset"],
        )
    except InputError:  # is a ValueError, and says which file it is
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / 'track.json'} is damaged: {error!r}") from None


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot read {path}: {error}") from None
