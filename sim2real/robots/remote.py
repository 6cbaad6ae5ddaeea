"""A robot at the other end of a bridge."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.connection import Connection, keep_alive, parse_address
from sim2real.robots.greeting import INTRODUCED, introduce
from sim2real.robots.messages import Message
from sim2real.robots.safety import UnsafeCommandError

SLOWEST = 60.0  # s in which a simulated robot must be ready for an episode
BUSY = 10.0  # s in which it must answer: its computer may be busy, and nothing moves meanwhile


class RemoteRobot:
    """A `Robot` behind a bridge. Where the connection is lost its own end stops it; the next request connects again.

    Args:
        address: HOST:PORT of the bridge.
        token: the bridge's token.
        patience: longest time for an answer, beyond the control period [s]; of a simulated robot BUSY.

    Attributes:
        cameras: names of its cameras.
        moves: whether its bridge passes commands on.
        simulated: whether it can be reset to a seed's episode, and knows the outcome.
        reward, terminated: sum of rewards of the episode, and whether it failed; of a simulated robot.

    Raises:
        InputError: no address, or a wrong token.
        OSError: there is no bridge, or another client is connected.
    """

    def __init__(self, address: str, token: str, patience: float = 1.0) -> None:
        self._address, self._token, self._patience = address, token, patience
        self._line: Connection | None = None
        self._where = parse_address(address)
        card = self._connect()
        self._card = card
        self.control_dt, self.action_names = float(card["control_dt"]), tuple(map(str, card["action_names"]))
        self.cameras = tuple(map(str, card["cameras"]))
        self.moves, self.simulated = bool(card["move"]), {"reset", "outcome"} <= set(card["offers"])
        if self.simulated:
            self._patience = max(patience, BUSY)
        self.reward, self.terminated = 0.0, False

    def observe(self) -> dict[str, Any]:
        """Observe as `Robot.observe`."""
        answer = self._ask(Message("observe"), self.control_dt)
        values = {name: float(answer.values[name]) for name in ("time", "taken") if name in answer.values}
        return {**answer.arrays, **values}

    def command(self, action: np.ndarray) -> np.ndarray:
        """Command as `Robot.command`.

        Raises:
            OSError: the robot does not answer, or stopped by itself.
            UnsafeCommandError: its own end refuses the command.
        """
        sent = self._ask(Message("command", {}, {"action": np.asarray(action, float)}))
        return sent.arrays["action"]

    def stop(self) -> None:
        """Hold the current pose; a robot whose connection is lost does so by itself."""
        if self._line is not None:
            self._ask(Message("stop"))

    def reset(self, seed: int) -> None:
        """Prepare the episode of a seed; only of a simulated robot."""
        self._ask(Message("reset", {"seed": seed}), SLOWEST)

    def outcome(self, time_is_up: bool = False) -> str | None:
        """Return "success" or "failure" once the task has ended, None before; only of a simulated robot."""
        values = self._ask(Message("outcome", {"time_is_up": time_is_up})).values
        self.reward, self.terminated = float(values["reward"]), bool(values["terminated"])
        return None if values["label"] is None else str(values["label"])

    def close(self) -> None:
        """Leave the robot, which stops and keeps its pose for the next client."""
        if self._line is not None:
            with suppress(OSError):  # it stops by itself
                self.stop()
            self._leave()

    def _ask(self, question: Message, more: float = 0.0) -> Message:
        if self._line is None:
            if self._connect() != self._card:
                self._leave()
                raise OSError(f"another robot than before is at {self._address}")
            assert self._line is not None
        try:
            self._line.send(question)
            answer = self._line.receive(self._patience + more)
        except ConnectionError as error:
            self._leave()
            raise OSError(f"the robot at {self._address}: {error}") from None
        except BaseException:  # Ctrl-C: what it answers later would be taken for the next answer
            self._leave()
            raise
        if answer is None:
            self._leave()
            raise OSError(f"the robot at {self._address} did not answer for {self._patience + more:.1f} s")
        if answer.kind == "unsafe":
            raise UnsafeCommandError(str(answer.values["text"]))
        if answer.kind == "failed":
            raise OSError(str(answer.values["text"]))
        return answer

    def _connect(self) -> dict[str, Any]:
        """Connect, and return what the bridge tells about its robot."""
        try:
            link = socket.create_connection(self._where, INTRODUCED)
        except (OSError, UnicodeError) as error:  # a name that is none
            why = getattr(error, "strerror", None) or error
            raise OSError(f"no bridge at {self._address} ({why}): is `sim2real bridge` running?") from None
        keep_alive(link)
        self._line = Connection(link)
        try:
            return introduce(self._line, self._token)
        except OSError as error:
            self._leave()
            raise OSError(f"the bridge at {self._address}: {error}") from None
        except InputError as error:
            self._leave()
            raise InputError(f"the bridge at {self._address}: {error}") from None

    def _leave(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


def check_fits(robot: RemoteRobot, action_names: Sequence[str], control_dt: float, camera: str | None) -> None:
    """Raise InputError for a robot with other components, another rate, or without a camera, than a policy needs."""
    if robot.action_names != tuple(action_names):
        raise InputError(
            f"the remote robot moves {', '.join(robot.action_names)}; this policy moves {', '.join(action_names)}"
        )
    if abs(robot.control_dt / control_dt - 1) > 1e-3:
        raise InputError(f"the remote robot has {1 / robot.control_dt:g} Hz, {1 / control_dt:g} Hz are needed")
    if camera is not None and camera not in robot.cameras:
        raise InputError(f"the remote robot has no camera {camera!r}; it has: {', '.join(robot.cameras) or 'none'}")
    if not robot.moves:
        raise InputError("the remote robot may not move: start its bridge with --move")
