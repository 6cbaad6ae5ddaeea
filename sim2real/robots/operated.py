"""Episodes on hardware that a person prepares and labels. Needs NumPy only."""

import math
from collections.abc import Callable

import numpy as np

from sim2real.robots.boundary import Boundary
from sim2real.robots.keyboard import LABELS, Keyboard, hand_of
from sim2real.robots.loop import ABORTED, FAILURE
from sim2real.robots.playback import ease_to
from sim2real.robots.robot import Robot


class OperatedVenue:
    """A robot with a person who prepares every episode, may take control, and reports its outcome.

    Args:
        robot: the robot.
        boundary: boundary of the task.
        steps: maximum number of steps of an episode.
        ask: shows a question and returns the answer; raises EOFError if nobody can answer.
        home: (A,) pose in physical units to which the robot moves slowly before every episode; None: it stays.
        pressed: returns the text typed since its last call.
        always: whether the person is always in control (a recording).
    """

    def __init__(
        self,
        robot: Robot,
        boundary: Boundary,
        steps: int,
        ask: Callable[[str], str] = input,
        home: np.ndarray | None = None,
        pressed: Callable[[], str] = lambda: "",
        always: bool = False,
    ) -> None:
        self.robot, self.boundary, self.steps = robot, boundary, steps
        self._ask, self._label, self._home = ask, ABORTED, home
        self._keys = Keyboard(pressed, hand_of(boundary, robot.control_dt, always))

    def prepare(self, seed: int, again: bool) -> None:
        """Move home and ask the person to prepare the scene, without telling which policy will act.

        Args:
            again: whether the scene of the previous episode is to be prepared again, for another policy.

        Raises:
            KeyboardInterrupt: Ctrl-C, also on the way home.
            EOFError: nobody answers.
        """
        lost, self._label = "", ABORTED
        if self._home is not None:
            way = ease_to(self.robot, self._home, self.boundary.limits)
            if way.interrupted:
                raise KeyboardInterrupt
            lost = f"the robot did not reach its home pose ({way.reason}); " if way.reason else ""
        how = ", exactly as before" if again else ""
        lost += "Enter tries again, Ctrl-C ends the session; " if lost else ""
        self._ask(f"{lost}episode {seed}: prepare the scene{how}, then press Enter ")
        self._keys.begin()

    def outcome(self, time_is_up: bool) -> str | None:
        """Return the label that a key gave the episode; ask for one once the time is up; None before."""
        label = self._keys.label()
        if label is None and not time_is_up:
            return None
        self.robot.stop()
        self._label = label or self._asked()
        return self._label

    def hand(self, sent: np.ndarray) -> np.ndarray | None:
        """Return the person's command, as `sim2real.robots.loop.Hand`."""
        return self._keys.hand(sent)

    def account(self) -> tuple[float, bool]:
        """Return NaN, as there are no rewards, and whether the person called the episode a failure."""
        return math.nan, self._label == FAILURE

    def _asked(self) -> str:
        answer = ""
        try:
            while answer[:1] not in LABELS:
                answer = self._ask("outcome? success, failure or aborted: s, f or a, then Enter ").strip().lower()
        except EOFError:  # the outcome is unknown
            return ABORTED
        return LABELS[answer[:1]]
