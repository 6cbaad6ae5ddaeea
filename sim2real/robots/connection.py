"""A socket that messages go through."""

import os
import select
import socket
from collections.abc import Callable
from typing import Protocol

from sim2real.errors import InputError
from sim2real.robots.messages import HEADER, LENGTHS, PAYLOAD, Message, MessageError, decode, encode
from sim2real.robots.robot import clock

PORT = 7210
_CHUNK = 1 << 18


class Line(Protocol):
    """What the other end is reached by: a `Connection`, or a test's."""

    def send(self, message: Message) -> None: ...

    def receive(self, timeout: float | None) -> Message | None: ...


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; raises InputError for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"{text!r} is not an address: give HOST:PORT, as 127.0.0.1:{PORT}")
    return host.strip("[]"), int(port)


def keep_alive(link: socket.socket) -> None:
    """Let the system notice within 10 s that the other computer is gone, also while nothing is sent."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # while something is on its way nothing is probed
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)
    if os.name == "posix" and hasattr(socket, "TCP_KEEPIDLE"):
        for option, value in ((socket.TCP_KEEPIDLE, 4), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3)):
            link.setsockopt(socket.IPPROTO_TCP, option, value)


class Connection:
    """A socket that messages go through; nothing waits longer than it is told to.

    Args:
        header, payload: bytes of a message from the other end, at most.

    Attributes:
        beside: what else is waited for: a socket, and what to do when it can be read.
        quality: of JPEG images that are sent; 0: raw.
    """

    def __init__(
        self,
        link: socket.socket,
        header: int = HEADER,
        payload: int = PAYLOAD,
    ) -> None:
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link, self._most = link, (header, payload)
        self.beside: tuple[socket.socket, Callable[[], object]] | None = None
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
            readers = [self._link, *([self.beside[0]] if self.beside else [])]
            writers = [self._link] if self._unsent else []
            ready, writable, _ = select.select(readers, writers, [], None if left is None else max(left, 0.0))
            if writable:
                self._flush()
            if self._link in ready:
                self._read()
                continue
            if self.beside and ready:  # only then: who left makes room
                self.beside[1]()
            if left is not None and left <= 0:
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
        if len(self._got) < LENGTHS.size:
            return None
        header, payload = LENGTHS.unpack_from(self._got)
        if header > self._most[0] or payload > self._most[1]:
            raise MessageError(f"not a message: {header} and {payload} bytes")
        start, end = LENGTHS.size + header, LENGTHS.size + header + payload
        if len(self._got) < end:
            return None
        message = decode(bytes(self._got[LENGTHS.size : start]), bytes(self._got[start:end]))
        del self._got[:end]
        return message
