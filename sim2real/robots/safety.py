"""The last check before a robot: commands are finite, in range, and close to the previous one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.errors import InputError


class UnsafeCommandError(InputError):
    """A command that cannot be made safe, or a robot at a pose from which none is."""


def _nothing(command: np.ndarray, measured: np.ndarray) -> str:
    """Return what a robot without a model runs into."""
    return ""


@dataclass(frozen=True)
class Limits:
    """The limits of a robot's commands.

    Attributes:
        lower, upper: (A,) range of a command.
        step: (A,) largest change from one command to the next.
        reach: (A,) largest distance of a command from where the robot is measured; None: any.
        blocked: returns what a command (A,) would run into from where the robot is (A,); empty if nothing.

    Raises:
        ValueError: unequal lengths, an empty range, or a step that is not positive.
    """

    lower: np.ndarray
    upper: np.ndarray
    step: np.ndarray
    reach: np.ndarray | None = None
    blocked: Callable[[np.ndarray, np.ndarray], str] = _nothing

    def __post_init__(self) -> None:
        for name in ("lower", "upper", "step"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        if not self.lower.shape == self.upper.shape == self.step.shape or self.lower.ndim != 1:
            shapes = f"{self.lower.shape}, {self.upper.shape} and {self.step.shape}"
            raise ValueError(f"limits need as many lower ends as upper ones and steps, not {shapes}")
        if not ((self.lower < self.upper) & (self.step > 0)).all():
            raise ValueError("limits need a range that is not empty and a positive step for every component")

    def apply(
        self, command: np.ndarray, previous: np.ndarray, measured: np.ndarray | None = None
    ) -> tuple[np.ndarray, bool]:
        """Limit a command (A,) in range, in distance from where the robot is (A,), and from the previous one (A,).

        Returns:
            The limited command, and whether it differs from the original.

        Raises:
            UnsafeCommandError: the command is not finite, of another length, or would run into something.
        """
        command = np.asarray(command, float)
        if command.shape != self.lower.shape:
            raise UnsafeCommandError(f"a command of shape {command.shape} for a robot of {len(self.lower)} components")
        if not np.isfinite(command).all():
            raise UnsafeCommandError(f"the command is not finite: {command.tolist()}")
        # In this order: a robot that was pushed out of range returns step by step, not at once.
        safe = np.clip(command, self.lower, self.upper)
        if self.reach is not None and measured is not None:
            safe = np.clip(safe, measured - self.reach, measured + self.reach)
        safe = np.clip(safe, previous - self.step, previous + self.step)
        if into := self.blocked(safe, previous if measured is None else measured):
            raise UnsafeCommandError(f"the command would make the robot run into something: {into}")
        return safe, bool((np.abs(safe - command) > 1e-9).any())
