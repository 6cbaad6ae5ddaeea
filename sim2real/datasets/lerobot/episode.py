"""One recorded episode: arrays over time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sim2real.datasets import images
from sim2real.datasets.checksums import verified
from sim2real.datasets.files import read_table
from sim2real.datasets.lerobot import videos
from sim2real.datasets.lerobot.features import Feature
from sim2real.datasets.lerobot.rows import column_array
from sim2real.datasets.paths import path_in
from sim2real.errors import DatasetError, InputError


@dataclass(frozen=True)
class Episode:
    """An episode; row k of all columns is one frame: images, state, action and time.

    Attributes:
        index: index in the dataset.
        task: task text.
        fps: frame rate [Hz].
        columns: (n, ...) arrays by name, without camera frames.
    """

    index: int
    task: str
    fps: float
    columns: Mapping[str, np.ndarray]
    _features: Mapping[str, Feature] = field(repr=False)
    _cells: Mapping[str, pa.ChunkedArray] = field(repr=False)
    _videos: Mapping[str, tuple[Path, float]] = field(repr=False)
    _root: Path = field(repr=False)

    @classmethod
    def read(
        cls, root: Path, info: Mapping[str, Any], features: Mapping[str, Feature], entry: Mapping[str, Any]
    ) -> "Episode":
        """Read an episode from its entry in `meta/episodes`; raises DatasetError if rows are missing or damaged."""
        index, length = entry["episode_index"], entry["length"]
        where = {"chunk_index": entry["data/chunk_index"], "file_index": entry["data/file_index"]}
        path = path_in(root, info, "data_path", where)
        table = read_table(verified(root, path), episode=index).sort_by("frame_index")
        if table.num_rows != length:
            raise DatasetError(f"{path} has {table.num_rows} rows of episode {index}, which has {length} frames")
        columns, cells, films = {}, {}, {}
        for name, feature in features.items():
            if feature.dtype == "video":
                span = {
                    key: entry.get(f"videos/{name}/{key}") for key in ("chunk_index", "file_index", "from_timestamp")
                }
                start = span.pop("from_timestamp")
                if start is None:
                    raise DatasetError(f"{root} is damaged: meta/episodes does not say where {name} of {index} begins")
                films[name] = path_in(root, info, "video_path", {"video_key": name, **span}), start
            elif name not in table.column_names:
                raise DatasetError(f"{path} has no column {name}, which meta/info.json lists")
            elif feature.dtype == "image":
                cells[name] = table[name]
            else:
                columns[name] = column_array(table[name], feature, length)
        task = (entry["tasks"] or [""])[0]
        return cls(index, task, float(info["fps"]), columns, features, cells, films, root)

    def __len__(self) -> int:
        return len(self.columns["frame_index"])

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column (n, ...), decoded for a camera; raises InputError that lists the valid names."""
        if name in self.columns:
            return self.columns[name]
        return self.images(name)

    def images(self, camera: str, rows: np.ndarray | None = None) -> np.ndarray:
        """Return frames (m, H, W, 3) uint8 RGB of a camera, of the given rows or of all.

        Raises:
            InputError: no such camera.
            DatasetError: a frame is damaged or missing.
            FileNotFoundError: the video is missing.
        """
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        if camera in self._videos:
            path, start = self._videos[camera]
            return videos.read_video_frames(
                verified(self._root, path), start + self.columns["timestamp"][rows].astype(np.float64), self.fps
            )
        try:
            frames = [images.decode(self.encoded(camera, int(row))) for row in rows]
        except InputError as error:
            if camera not in self._cells:
                raise
            raise DatasetError(f"episode {self.index}, {camera}: {error}") from None
        if len({frame.shape for frame in frames}) != 1:
            raise DatasetError(
                f"episode {self.index}, {camera}: {'frames of several sizes' if frames else 'no frames'}"
            )
        return np.stack(frames)

    def verify(self, camera: str) -> None:
        """Raise DatasetError if a camera's video was changed: then all its frames may be wrong."""
        if camera in self._videos:
            verified(self._root, self._videos[camera][0])

    def encoded(self, camera: str, row: int) -> bytes:
        """Return the recorded image file of a frame; raises InputError if the camera has none."""
        if camera not in self._cells:
            if camera in self._videos:
                raise InputError(f"{camera} has its frames in a video")
            raise InputError(f"{camera} is not a camera of this dataset: its cameras are {', '.join(self._features)}")
        return (self._cells[camera][row].as_py() or {}).get("bytes") or b""
