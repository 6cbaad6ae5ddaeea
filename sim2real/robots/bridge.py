"""A bridge: any robot over a socket, to one client at a time, which a watchdog at the robot's end supervises."""

import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.messages import HEADER, Connection, Message
from sim2real.robots.robot import clock
from sim2real.robots.safety import Limits
from sim2real.robots.tokens import nonce, proof, proves
from sim2real.robots.watchdog import TIMEOUT, Watchdog

VERSION = 1
PORT = 7210
GREETING = 1.0  # s in which a client must have proved that it knows the token
_FIRST, _REQUEST = (1024, 0), (HEADER, 4096)  # bytes of header and payload: of a stranger's message, of a client's
_LOOK = 0.25  # s, after which a bridge that was closed by another thread notices it


class Line(Protocol):
    """What a client is reached by: a `Connection`, or a test's."""

    def send(self, message: Message) -> None: ...

    def receive(self, timeout: float | None) -> Message | None: ...


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


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; raises InputError for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"{text!r} is not an address: give HOST:PORT, as 127.0.0.1:{PORT}")
    return host.strip("[]"), int(port)


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
        """Serve clients until `close`; the robot is stopped in any case.

        Raises:
            OSError: the robot does not answer before the first client came.
        """
        card = self._card()
        self._door.setblocking(False)
        watchdog = Watchdog(
            *(self._robot, self._limits),
            **{"move": self._settings.move, "timeout": self._settings.timeout, "clock": self._clock},
            note=self._note,
        )
        card["offers"] = watchdog.offers
        try:
            while self._going:
                if select.select([self._door], [], [], _LOOK)[0]:
                    with suppress(BlockingIOError, ConnectionError):  # it left before it was let in
                        link, _ = self._door.accept()
                        with link:
                            self._meet(link, watchdog, card)
        finally:
            watchdog.leave()
            self._door.close()

    def close(self) -> None:
        """Let `serve` end soon; may be called by another thread."""
        self._going = False

    def _card(self) -> dict[str, Any]:
        """Return what a client is told about the robot."""
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
        }

    def _meet(self, link: socket.socket, watchdog: Watchdog, card: dict[str, Any]) -> None:
        """Serve one client until it leaves."""
        connection = Connection(link, *_FIRST, beside=(self._door, self._turn_away))
        try:
            if greet(connection, self._token, card, clock):
                keep_alive(link)
                connection.allow(*_REQUEST)
                connection.quality = self._settings.jpeg
                self._note("a client is connected")
                serve_client(connection, watchdog, lambda: self._going)
        except ConnectionError as error:
            self._note(str(error))

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


def greet(line: Line, token: str, card: dict[str, Any], clock: Callable[[], float]) -> bool:
    """Let a client prove that it knows the token, prove it to the client, and introduce the robot.

    Returns:
        Whether it did so in time.

    Raises:
        ConnectionError: it left, or sent something else.
    """
    until, own = clock() + GREETING, nonce()
    line.send(Message("bridge", {"version": VERSION, "nonce": own}))
    said = line.receive(max(until - clock(), 0.0))
    if said is None:
        return False
    asked = said.values.get("nonce")
    if not isinstance(asked, str) or not proves(said.values.get("proof"), token, "client", own, asked):
        line.send(Message("refused", {"text": "wrong token"}))
        return False
    line.send(Message("welcome", {"proof": proof(token, "robot", asked, own), **card}))
    return True


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


def keep_alive(link: socket.socket) -> None:
    """Let the system notice within 10 s that the other computer is gone, also while nothing is sent."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if os.name == "posix" and hasattr(socket, "TCP_KEEPIDLE"):
        for option, value in ((socket.TCP_KEEPIDLE, 4), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3)):
            link.setsockopt(socket.IPPROTO_TCP, option, value)
