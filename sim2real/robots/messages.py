"""Messages over a socket: two lengths, a JSON header, and the raw bytes of plain arrays. Nothing is unpickled."""

import json
import math
import select
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim2real.robots.robot import clock

HEADER, PAYLOAD = 1 << 14, 1 << 25  # bytes of a message, at most
_LENGTHS = struct.Struct(">II")
_DTYPES = {"float64": np.dtype("<f8"), "uint8": np.dtype("u1")}
_CHUNK = 1 << 18


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
    return _LENGTHS.pack(len(header), len(payload)) + header + payload


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


class Connection:
    """A socket that messages go through; nothing waits longer than it is told to.

    Args:
        header, payload: bytes of a message from the other end, at most.
        beside: what else is waited for: a socket, and what to do when it can be read.

    Attributes:
        quality: of JPEG images that are sent; 0: raw.
    """

    def __init__(
        self,
        link: socket.socket,
        header: int = HEADER,
        payload: int = PAYLOAD,
        beside: tuple[socket.socket, Callable[[], object]] | None = None,
    ) -> None:
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link, self._beside, self._most = link, beside, (header, payload)
        self._got, self._unsent, self.quality = bytearray(), bytearray(), 0

    def allow(self, header: int, payload: int) -> None:
        """Change how many bytes a message from the other end has at most."""
        self._most = header, payload

    def send(self, message: Message) -> None:
        """Send a message as far as the other end takes it; `receive` sends the rest.

        Raises:
            ConnectionError: the other end is gone, or reads nothing.
        """
        if len(self._unsent) > PAYLOAD:
            raise ConnectionError("the other end reads nothing")
        self._unsent += encode(message, self.quality)
        self._flush()

    def receive(self, timeout: float | None) -> Message | None:
        """Return the next message, or None if none is complete after so many seconds.

        Raises:
            MessageError: what came is no message.
            ConnectionError: the other end is gone.
        """
        until = None if timeout is None else clock() + timeout
        while True:
            message = self._next()
            left = None if until is None else until - clock()
            if message is not None:
                return message
            readers = [self._link, *([self._beside[0]] if self._beside else [])]
            writers = [self._link] if self._unsent else []
            ready, writable, _ = select.select(readers, writers, [], None if left is None else max(left, 0.0))
            if writable:
                self._flush()
            if self._link in ready:
                self._read()
            elif self._beside and ready:  # only then: who left makes room
                self._beside[1]()
            elif left is not None and left <= 0:
                return None

    def close(self) -> None:
        """Close the socket."""
        self._link.close()

    def _flush(self) -> None:
        while self._unsent:
            try:
                sent = self._link.send(self._unsent[:_CHUNK])
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                raise ConnectionError(f"the connection is lost ({error.strerror or error})") from None
            del self._unsent[:sent]

    def _read(self) -> None:
        try:
            data = self._link.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            raise ConnectionError(f"the connection is lost ({error.strerror or error})") from None
        if not data:
            raise ConnectionError("the connection was closed at the other end")
        self._got += data

    def _next(self) -> Message | None:
        """Return a message that came as a whole, and forget its bytes."""
        if len(self._got) < _LENGTHS.size:
            return None
        header, payload = _LENGTHS.unpack_from(self._got)
        if header > self._most[0] or payload > self._most[1]:
            raise MessageError(f"not a message: {header} and {payload} bytes")
        start, end = _LENGTHS.size + header, _LENGTHS.size + header + payload
        if len(self._got) < end:
            return None
        message = decode(bytes(self._got[_LENGTHS.size : start]), bytes(self._got[start:end]))
        del self._got[:end]
        return message
