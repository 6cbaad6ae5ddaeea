"""Validation of frames, and conversion of columns to Arrow tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sim2real.datasets import images
from sim2real.datasets.lerobot.features import INDICES, Feature
from sim2real.errors import DatasetError, InputError


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A complete JPEG or PNG file.

    Attributes:
        content: content of the file, stored unchanged.
        shape: (H, W, 3) of its pixels.
        name: original file name; empty: named after its frame.
    """

    content: bytes
    shape: tuple[int, ...]
    name: str = ""

    @classmethod
    def checked(cls, content: bytes, name: str = "") -> "EncodedImage":
        """Check a file; raises InputError if it is truncated, damaged or gray."""
        pixels = images.check(content)
        if pixels.ndim == 2:
            raise InputError("a gray image: convert it to RGB")
        return cls(content, pixels.shape, name)

    @classmethod
    def of(cls, pixels: np.ndarray) -> "EncodedImage":
        """Return RGB pixels (H, W, 3) uint8 as a file."""
        return cls(images.encode(pixels), pixels.shape)

    def pixels(self) -> np.ndarray:
        """Return RGB pixels (H, W, 3) uint8."""
        return images.decode(self.content)


def checked_row(frame: Mapping[str, Any], features: Mapping[str, Feature]) -> dict[str, Any]:
    """Convert one frame's values to their features; raises InputError for missing, unknown or invalid ones."""
    wanted = [name for name in features if name not in INDICES]
    if set(frame) != set(wanted):
        missing, unknown = sorted(set(wanted) - set(frame)), sorted(set(frame) - set(wanted))
        raise InputError(f"frame does not fit the dataset: missing {missing}, unknown {unknown}; it has {wanted}")
    return {name: _value(name, frame[name], features[name]) for name in wanted}


def _value(name: str, value: Any, feature: Feature) -> Any:
    if feature.camera:
        if isinstance(value, bytes):
            value = EncodedImage.checked(value)
        elif not isinstance(value, EncodedImage):
            # Encoded immediately: an unfinished episode must fit into the memory of a small computer.
            value = EncodedImage.of(np.asarray(value))
        if value.shape != feature.shape:
            raise InputError(f"{name}: this frame is {value.shape}, the dataset's are {feature.shape} (H, W, C)")
        return value
    if feature.dtype == "string":
        return str(value)
    array = np.asarray(value, feature.dtype)
    if array.shape != feature.shape and not (feature.shape == (1,) and array.shape == ()):
        raise InputError(f"{name}: this value has shape {array.shape}, the dataset's {feature.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: the value is not finite ({array.tolist()})")
    return array.reshape(feature.shape)


def index_columns(entry: Mapping[str, Any], tasks: Sequence[int], fps: float) -> dict[str, np.ndarray]:
    """Return the standard columns of one episode's rows from its entry and the frames' tasks."""
    rows = np.arange(entry["length"])
    return {
        "timestamp": rows / fps,
        "frame_index": rows,
        "episode_index": np.full(len(rows), entry["episode_index"]),
        "index": entry["dataset_from_index"] + rows,
        "task_index": np.asarray(tasks),
    }


def columns_table(columns: Mapping[str, Sequence[Any]], features: Mapping[str, Feature], schema: pa.Schema) -> pa.Table:
    """Return one episode's rows as a table; columns are sequences over frames."""
    return pa.table([_column(columns[name], features[name]) for name in schema.names], schema=schema)


def _column(values: Sequence[Any], feature: Feature) -> pa.Array:
    if feature.dtype == "image":
        cells = [
            {"bytes": image.content, "path": image.name or f"frame-{k:06d}{images.suffix(image.content)}"}
            for k, image in enumerate(values)
        ]
        return pa.array(cells, feature.arrow)
    if feature.dtype == "string":
        return pa.array([str(value) for value in values], feature.arrow)
    array = np.asarray(values, feature.dtype)
    if feature.shape == (1,):
        return pa.array(array.reshape(-1), feature.arrow)
    nested = pa.array(array.reshape(-1), pa.from_numpy_dtype(array.dtype))
    for size in reversed(feature.shape):
        nested = pa.FixedSizeListArray.from_arrays(nested, size)
    return nested.cast(feature.arrow)


def column_array(column: pa.ChunkedArray, feature: Feature, length: int) -> np.ndarray:
    """Convert an Arrow column to (length, *shape), or (length,) for shape (1,); raises DatasetError on a mismatch."""
    if feature.dtype == "string":
        return np.array(column.to_pylist(), dtype=object)
    values = column.combine_chunks()
    while isinstance(values, pa.FixedSizeListArray | pa.ListArray | pa.LargeListArray):
        values = values.flatten()
    shape = (length,) if feature.shape == (1,) else (length, *feature.shape)
    try:
        return values.to_numpy(zero_copy_only=False).astype(feature.dtype).reshape(shape)
    except ValueError:
        raise DatasetError(f"the rows do not have the shape {list(feature.shape)} of meta/info.json") from None
