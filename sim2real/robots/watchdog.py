"""What protects a robot whose commands come from another computer: limits, and a stop where commands stay out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sim2real.robots.messages import Message, MessageError
from sim2real.robots.robot import Robot, clock
from sim2real.robots.safety import Limits, UnsafeCommandError

TIMEOUT = 0.1  # s without a command, after which the robot is stopped
SIMULATED = ("reset", "outcome")  # what only a simulated robot can do
_PERIOD = 0.8  # control periods, from where on a command may be a step further
_TRIES = 3  # to stop a robot that does not answer


class Watchdog:
    """Answers a client's requests to a robot, and stops it by itself.

    After the first command, a robot that gets no other in time is stopped; commands are then refused until the client
    asks to stop, as every episode ends.

    Args:
        limits: limits of commands; None: they are only checked to be numbers, one per component.
        move: whether commands are sent at all.
        timeout: longest time between two commands [s].
        clock: of this machine, or of a test.
        note: called with what the robot's side should see, in one line.
    """

    def __init__(
        self,
        robot: Robot,
        limits: Limits | None = None,
        *,
        move: bool = True,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = clock,
        note: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.robot, self.move, self.timeout = robot, move, timeout
        self._limits, self._clock, self._note = limits, clock, note
        self._due: float | None = None  # s, when the next command must be there
        self._refused = ""  # why commands are refused
        self._sent: np.ndarray | None = None
        self._measured: np.ndarray | None = None
        self._base: tuple[float, np.ndarray] | None = None  # s, and the command before: steps are per period
        self.offers = tuple(name for name in SIMULATED if hasattr(robot, name))

    def remaining(self) -> float | None:
        """Return s until the robot is to be stopped; None: it is not waiting for a command."""
        return None if self._due is None else max(self._due - self._clock(), 0.0)

    def check(self) -> None:
        """Stop the robot if it waited too long for a command."""
        if self._due is not None and self._clock() >= self._due:
            self._hold(f"the robot stopped by itself: no command for {self.timeout:g} s")

    def leave(self) -> None:
        """Stop the robot, as its client is gone."""
        armed = self._due is not None
        self._measured = None
        self._hold("")
        if armed:
            self._note("the client is gone: the robot is stopped")

    def answer(self, asked: Message) -> Message:
        """Do what a client asks for and return what to tell it; errors of the robot are told, too.

        Raises:
            MessageError: a request that does not exist.
        """
        do = {"observe": self._observe, "command": self._command, "stop": self._stop}
        do |= {name: getattr(self, f"_{name}") for name in self.offers}
        if asked.kind not in do:
            raise MessageError(f"no request {asked.kind[:20]!r}; there are: {', '.join(do)}")
        try:
            return do[asked.kind](asked)
        except UnsafeCommandError as error:
            self._hold(str(error))
            return Message("unsafe", {"text": str(error)})
        except OSError as error:
            text = " ".join(str(error).split())
            if asked.kind != "stop" and not self._refused:
                self._hold(text)
            return Message("failed", {"text": text})

    def _hold(self, why: str) -> None:
        """Stop the robot and refuse commands, if there is a reason for it."""
        armed, self._due, self._sent, self._refused = self._due is not None, None, None, why
        failed = self._stopped()
        for text in (why if armed else "", failed):  # afterwards: a terminal may be slow
            if text:
                self._note(text)

    def _stopped(self) -> str:
        """Stop the robot, and return why it did not; empty if it did."""
        failed = ""
        for _ in range(_TRIES):
            try:
                self.robot.stop()
                return ""
            except OSError as error:
                failed = f"the robot did not stop: {' '.join(str(error).split())}"
        return failed

    def _observe(self, asked: Message) -> Message:
        seen = self.robot.observe()
        self._measured = np.asarray(seen["state"], float)
        values = {name: float(seen[name]) for name in ("time", "taken") if name in seen}
        if not all(map(math.isfinite, values.values())):
            raise OSError(f"the robot's clock is no number: {values}")
        images = {name: np.asarray(each) for name, each in seen.items() if name.startswith("images.")}
        return Message("observation", values, {"state": self._measured, **images})

    def _command(self, asked: Message) -> Message:
        if not self.move:
            raise OSError("the robot may not move: its bridge was started without --move")
        if self._refused:
            raise OSError(f"{self._refused}; no command is taken until the next episode")
        safe = self._safe(asked.arrays.get("action", np.zeros(0)))
        self._sent = np.asarray(self.robot.command(safe), float)
        self._due = self._clock() + self.timeout
        return Message("sent", {}, {"action": self._sent})

    def _safe(self, action: np.ndarray) -> np.ndarray:
        count = len(self.robot.action_names)
        if action.shape != (count,):
            raise UnsafeCommandError(f"a command of shape {action.shape} for a robot of {count} components")
        if not np.isfinite(action).all():
            raise UnsafeCommandError(f"the command is not finite: {action.tolist()}")
        if self._limits is None:
            return action
        measured = self._measured if self._measured is not None and len(self._measured) == count else None
        if measured is None and self._limits.reach is not None:
            raise UnsafeCommandError("a command without an observation: where the robot is is not known")
        previous = self._sent if self._sent is not None else measured if measured is not None else action
        now = self._clock()
        if self._base is None or self._sent is None or now - self._base[0] >= _PERIOD * self.robot.control_dt:
            self._base = now, previous  # a client that hurries does not get a step for every command
        return self._limits.apply(action, self._base[1], measured)[0]

    def _stop(self, asked: Message) -> Message:
        self._due, self._sent, self._refused = None, None, ""
        if failed := self._stopped():
            self._refused = failed
            raise OSError(failed)
        return Message("stopped")

    def _reset(self, asked: Message) -> Message:
        seed = asked.values.get("seed")
        if not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise MessageError("a seed must be a number that is not negative")
        simulated: Any = self.robot
        self._due, self._sent, self._measured, self._refused = None, None, None, ""
        simulated.reset(seed)
        return Message("ready")

    def _outcome(self, asked: Message) -> Message:
        simulated: Any = self.robot
        label = simulated.outcome(bool(asked.values.get("time_is_up")))
        account = {"reward": float(simulated.reward), "terminated": bool(simulated.terminated)}
        return Message("outcome", {"label": label, **account})
