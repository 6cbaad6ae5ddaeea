"""A bridge: any robot over a socket, to one client at a time, which a watchdog at the robot's end supervises."""

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.connection import PORT, Connection, Line, keep_alive, parse_address
from sim2real.robots.greeting import greet
from sim2real.robots.messages import HEADER, Message
from sim2real.robots.robot import clock
from sim2real.robots.safety import Limits
from sim2real.robots.watchdog import TIMEOUT, Watchdog

_FIRST, _REQUEST = (1024, 0), (HEADER, 4096)  # bytes of header and payload: of a stranger's message, of a client's
_LOOK = 0.25  # s, after which a bridge that was closed by another thread notices it


@dataclass(frozen=True)
class BridgeSettings:
    """How a robot is exposed.

    Attributes:
        listen: address and port; only programs of this computer reach 127.0.0.1. Frames and commands are not
            encrypted: on a network that others use, keep it and tunnel it (ssh -L 7210:127.0.0.1:7210 ROBOT).
        jpeg: quality of JPEG frames, 1 to 100; 0: frames are sent as they are, which Wi-Fi is too slow for.
        timeout: the robot is stopped where no command came for so long [s].
        move: pass commands on to the robot; make sure that nobody is within its reach.

    Raises:
        InputError: no address, or a value out of its range.
    """

    listen: str = f"127.0.0.1:{PORT}"
    jpeg: int = 0
    timeout: float = TIMEOUT
    move: bool = False

    def __post_init__(self) -> None:
        parse_address(self.listen)
        if not 0 <= self.jpeg <= 100:
            raise InputError(f"jpeg must be between 0 and 100, not {self.jpeg}")
        if not 0 < self.timeout <= 10:
            raise InputError(f"timeout must be above 0 and at most 10 s, not {self.timeout}")


class Bridge:
    """Serves a robot to clients that know the token, one after the other, in the thread that calls `serve`.

    Args:
        robot: the robot; it is stopped when a client leaves, and not closed.
        limits: limits of commands that are checked here, too; None: none are known.
        clock: of this machine, or of a test.
        note: called with what somebody beside the robot should see, in one line.

    Attributes:
        address: host and port.

    Raises:
        InputError: the address is in use, or not of this computer.
    """

    def __init__(
        self,
        robot: Any,
        token: str,
        settings: BridgeSettings = BridgeSettings(),
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = clock,
        note: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._robot, self._token, self._settings, self._limits = robot, token, settings, limits
        self._note, self._clock, self._going = note, clock, True
        if settings.timeout <= robot.control_dt:
            period = f"{robot.control_dt:g} s"
            raise InputError(
                f"timeout must be longer than the robot's control period of {period}: every command would be late"
            )
        host, port = parse_address(settings.listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._door = socket.create_server((host, port), family=family, backlog=8)
        except OSError as error:
            raise InputError(f"{settings.listen} cannot be listened on ({error.strerror}): choose another") from None
        self.address: tuple[str, int] = self._door.getsockname()[:2]

    def serve(self) -> None:
        """Serve clients until `close`; the robot is stopped in any case."""
        self._door.setblocking(False)
        watchdog = Watchdog(
            *(self._robot, self._limits),
            **{"move": self._settings.move, "timeout": self._settings.timeout, "clock": self._clock},
            note=self._note,
        )
        try:
            while self._going:
                if select.select([self._door], [], [], _LOOK)[0]:
                    with suppress(BlockingIOError, ConnectionError):  # it left before it was let in
                        link, _ = self._door.accept()
                        with link:
                            self._meet(link, watchdog)
        finally:
            watchdog.leave()
            self._door.close()

    def close(self) -> None:
        """Let `serve` end soon; may be called by another thread."""
        self._going = False

    def _card(self, watchdog: Watchdog) -> dict[str, Any]:
        """Return what a client is told about the robot; raises OSError if that does not answer."""
        robot, limits, seen = self._robot, self._limits, self._robot.observe()
        return {
            "control_dt": float(robot.control_dt),
            "action_names": list(robot.action_names),
            "state": int(np.size(seen["state"])),
            "cameras": [name.removeprefix("images.") for name in seen if name.startswith("images.")],
            "lower": None if limits is None else limits.lower.tolist(),
            "upper": None if limits is None else limits.upper.tolist(),
            "timeout": self._settings.timeout,
            "move": self._settings.move,
            "offers": watchdog.offers,
        }

    def _meet(self, link: socket.socket, watchdog: Watchdog) -> None:
        """Serve one client until it leaves."""
        connection = Connection(link, *_FIRST)
        try:
            if greet(connection, self._token, lambda: self._card(watchdog)):
                keep_alive(link)
                connection.allow(*_REQUEST)
                connection.beside = self._door, self._turn_away  # not before: a stranger keeps nobody out for long
                connection.quality = self._settings.jpeg
                self._note("a client is connected")
                serve_client(connection, watchdog, lambda: self._going)
        except (ConnectionError, ValueError, ImportError) as error:  # a stranger must not end the bridge
            self._note(" ".join(str(error).split()))

    def _turn_away(self) -> None:
        """Tell a second client that there is a first one."""
        try:
            link, _ = self._door.accept()
        except OSError:  # it left, too
            return
        with link:
            link.setblocking(False)
            try:
                Connection(link).send(Message("refused", {"text": "another client is connected"}))
            except ConnectionError:
                return


def serve_client(line: Line, watchdog: Watchdog, going: Callable[[], bool] = lambda: True) -> None:
    """Answer a client until it leaves; the robot is then stopped.

    Raises:
        ConnectionError: it left, or sent something that is no request.
    """
    try:
        while going():
            left = watchdog.remaining()
            asked = line.receive(_LOOK if left is None else min(left, _LOOK))
            watchdog.check()  # first: what came too late is not done
            if asked is not None:
                line.send(watchdog.answer(asked))
    finally:
        watchdog.leave()
