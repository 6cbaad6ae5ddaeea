"""Messages to a robot on another computer: lengths, a JSON header, raw bytes of plain arrays; nothing is unpickled."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HEADER, PAYLOAD = 1 << 14, 1 << 25  # bytes of a message, at most
LENGTHS = struct.Struct(">II")
_DTYPES = {"float64": np.dtype("<f8"), "uint8": np.dtype("u1")}


class MessageError(ConnectionError):
    """Bytes that are no message, or not one of those that are expected here."""


@dataclass(frozen=True)
class Message:
    """What one end tells the other.

    Attributes:
        kind: what it is about.
        values: values that JSON has.
        arrays: float64 or uint8 arrays.
    """

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def encode(message: Message, quality: int = 0) -> bytes:
    """Return the bytes of a message.

    Args:
        quality: uint8 images (H, W, 3) are sent as JPEG of this quality; 0: as they are.
    """
    entries, parts = [], []
    for name, array in message.arrays.items():
        kind = "uint8" if array.dtype == np.uint8 else "float64"
        array = np.ascontiguousarray(array, _DTYPES[kind])
        packed = "jpeg" if quality and kind == "uint8" and array.ndim == 3 else "raw"
        data = _to_jpeg(array, quality) if packed == "jpeg" else array.tobytes()
        entries.append({"name": name, "dtype": kind, "shape": array.shape, "packed": packed, "bytes": len(data)})
        parts.append(data)
    content = {"kind": message.kind, "values": dict(message.values), "arrays": entries}
    header, payload = json.dumps(content, allow_nan=False).encode(), b"".join(parts)
    return LENGTHS.pack(len(header), len(payload)) + header + payload


def decode(header: bytes, payload: bytes) -> Message:
    """Return the message of a header and its payload; raises MessageError if they are none."""
    try:
        content = json.loads(header)
        arrays, at = {}, 0
        for entry in content["arrays"]:
            size = int(entry["bytes"])
            if not 0 <= size <= len(payload) - at:
                raise ValueError("an array beyond the message's end")
            arrays[str(entry["name"])] = _array(entry, payload[at : at + size])
            at += size
        if at != len(payload) or not isinstance(content["values"], dict):
            raise ValueError("bytes that belong to no array")
        return Message(str(content["kind"]), content["values"], arrays)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise MessageError(f"not a message: {' '.join(str(error).split())[:100]}") from None


def _array(entry: Mapping[str, Any], data: bytes) -> np.ndarray:
    shape = tuple(int(n) for n in entry["shape"])
    dtype = _DTYPES[entry["dtype"]]
    if len(shape) > 3 or any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize > PAYLOAD:
        raise ValueError(f"an array of shape {shape}")
    if entry["packed"] == "jpeg":
        return _from_jpeg(data, shape)
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _to_jpeg(image: np.ndarray, quality: int) -> bytes:
    import cv2  # where frames are sent as they are, a car needs no OpenCV

    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"no JPEG image: shape {image.shape}")
    return data.tobytes()


def _from_jpeg(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or image.shape != shape:
        raise ValueError("a damaged JPEG image")
    return np.ascontiguousarray(image[..., ::-1])
