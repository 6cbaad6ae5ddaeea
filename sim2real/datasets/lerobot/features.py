"""Columns of a dataset as described by `meta/info.json` of LeRobot v3.0, and their Arrow types."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sim2real.datasets.paths import check_name
from sim2real.errors import DatasetError

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TYPES = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "bool": pa.bool_(),
    "string": pa.string(),
}


@dataclass(frozen=True)
class Feature:
    """One column.

    Attributes:
        dtype: a NumPy name, "string", "image" (a file per row) or "video" (a file per camera and flush).
        shape: shape of one row; (H, W, 3) for cameras.
        names: names of the elements.
        info: LeRobot's description of a video.
    """

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None
    info: Mapping[str, Any] | None = None

    @property
    def camera(self) -> bool:
        """Return whether rows are frames of a camera."""
        return self.dtype in ("image", "video")

    @property
    def arrow(self) -> pa.DataType:
        """Return the column's type; raises DatasetError for an unknown dtype."""
        if self.dtype == "image":
            return IMAGE
        if self.dtype not in TYPES:
            raise DatasetError(
                f"unknown dtype {self.dtype}: this program knows {', '.join([*TYPES, 'image', 'video'])}"
            )
        kind = TYPES[self.dtype]
        if self.shape == (1,):
            return kind
        for size in reversed(self.shape):
            kind = pa.list_(kind, size)
        return kind

    def plain(self) -> dict[str, Any]:
        """Return the description for `info.json`."""
        names = None if self.names is None else list(self.names)
        content = {"dtype": self.dtype, "shape": list(self.shape), "names": names}
        return content if self.info is None else {**content, "info": dict(self.info)}

    @property
    def hugging_face(self) -> dict[str, Any]:
        """Return the description for the schema's metadata, which the `datasets` library reads."""
        if self.dtype == "image":
            return {"_type": "Image"}
        content: dict[str, Any] = {"dtype": self.dtype, "_type": "Value"}
        for size in () if self.shape == (1,) else reversed(self.shape):
            content = {"feature": content, "length": size, "_type": "List"}
        return content


INDICES = {
    "timestamp": Feature("float32", (1,)),
    **{name: Feature("int64", (1,)) for name in ("frame_index", "episode_index", "index", "task_index")},
}


def camera_feature(height: int, width: int) -> Feature:
    """Return the feature of a camera whose frames are stored as image files."""
    return Feature("image", (height, width, 3), ("height", "width", "channels"))


def as_video(feature: Feature, fps: float, codec: str = "h264") -> Feature:
    """Return the same camera with its frames in video files."""
    height, width = feature.shape[:2]
    pixels = "yuv420p" if height % 2 == width % 2 == 0 else "yuv444p"
    info = {"video.height": height, "video.width": width, "video.codec": codec, "video.pix_fmt": pixels}
    info |= {"video.is_depth_map": False, "video.fps": fps, "video.channels": 3, "has_audio": False}
    return Feature("video", feature.shape, feature.names, info)


def read_features(info: Mapping[str, Any]) -> dict[str, Feature]:
    """Read the features of `info.json`; raises DatasetError if they are not described or have invalid names."""
    try:
        return {
            check_name(name): Feature(
                entry["dtype"],
                tuple(entry["shape"]),
                _names(entry.get("names")),
                entry.get("info") or entry.get("video_info"),
            )
            for name, entry in info["features"].items()
        }
    except (KeyError, TypeError, AttributeError):
        raise DatasetError("meta/info.json is damaged: it does not say dtype and shape of every feature") from None


def _names(names: Any) -> tuple[str, ...] | None:
    # Version 2 has {"motors": [...]} as well.
    lists = names.values() if isinstance(names, dict) else [names]
    flat = [str(name) for part in lists if isinstance(part, list) for name in part]
    return tuple(flat) or None


def schema(features: Mapping[str, Feature]) -> pa.Schema:
    """Return the schema of the data files, in which videos have no column."""
    columns = {name: feature for name, feature in features.items() if feature.dtype != "video"}
    known = {"info": {"features": {name: feature.hugging_face for name, feature in columns.items()}}}
    fields = [(name, feature.arrow) for name, feature in columns.items()]
    return pa.schema(fields, metadata={"huggingface": json.dumps(known)})
