"""The last thing before a robot: commands that are numbers, in its range, and not far from the one before."""

from dataclasses import dataclass

import numpy as np

from sim2real.errors import InputError


class UnsafeCommandError(ValueError):
    """A command that cannot be made safe."""


@dataclass(frozen=True)
class Limits:
    """What may be sent to a robot.

    Attributes:
        lower, upper: (A,) range of a command.
        step: (A,) largest change from one command to the next.

    Raises:
        InputError: of unequal length, an empty range, or a step that is not positive.
    """

    lower: np.ndarray
    upper: np.ndarray
    step: np.ndarray

    def __post_init__(self) -> None:
        for name in ("lower", "upper", "step"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        if not self.lower.shape == self.upper.shape == self.step.shape or self.lower.ndim != 1:
            shapes = f"{self.lower.shape}, {self.upper.shape} and {self.step.shape}"
            raise InputError(f"limits need as many lower ends as upper ones and steps, not {shapes}")
        if not ((self.lower < self.upper) & (self.step > 0)).all():
            raise InputError("limits need a range that is not empty and a positive step for every component")

    def apply(self, command: np.ndarray, previous: np.ndarray) -> tuple[np.ndarray, bool]:
        """A command (A,) kept in range and near the one before it (A,).

        Returns:
            What may be sent, and whether it differs from what was wanted.

        Raises:
            UnsafeCommandError: it is not finite, or of another length.
        """
        command = np.asarray(command, float)
        if command.shape != self.lower.shape:
            raise UnsafeCommandError(f"a command of shape {command.shape} for a robot of {len(self.lower)} components")
        if not np.isfinite(command).all():
            raise UnsafeCommandError(f"the command is not finite: {command.tolist()}")
        # In this order: a robot that was pushed out of its range comes back step by step, not at once.
        safe = np.clip(np.clip(command, self.lower, self.upper), previous - self.step, previous + self.step)
        return safe, bool((np.abs(safe - command) > 1e-9).any())
