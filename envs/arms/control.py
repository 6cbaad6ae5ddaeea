"""Conversion between actions in [-1, 1] and joint targets, for simulation, recordings and hardware."""

from dataclasses import dataclass

import numpy as np

from envs.errors import InputError

MODES = ("delta", "absolute")
WINDUP = 0.35  # rad, maximum distance of a target from the joint, which limits contact forces
LAG_SCALE = 5.0  # scale of the state's second half, which is then at most about 1


@dataclass(frozen=True)
class JointControl:
    """Control of joint targets by actions.

    Attributes:
        lower, upper: (J,) rad, range of targets.
        mode: "delta" moves the target by action * step; "absolute" sets it between lower and upper.
        step: rad per control step.
    """

    lower: np.ndarray
    upper: np.ndarray
    mode: str = "delta"
    step: float = 0.06

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"no actions {self.mode!r}; valid: {', '.join(MODES)}")

    def target(self, action: np.ndarray, previous: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Return the next targets (..., J) rad from actions (..., J), previous targets and measured positions [rad]."""
        action = np.clip(action, -1, 1)
        if self.mode == "absolute":
            return self.lower + (action + 1) / 2 * (self.upper - self.lower)
        ahead = np.clip(previous + self.step * action, position - WINDUP, position + WINDUP)
        return np.clip(ahead, self.lower, self.upper)

    def action(self, target: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """Return the actions (..., J) in [-1, 1] that best move the targets from `previous` to `target` [rad]."""
        return np.clip(self.unlimited_action(target, previous), -1, 1)

    def unlimited_action(self, target: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """Return the exact actions (..., J); outside [-1, 1] if a move is too fast or leaves the range."""
        if self.mode == "absolute":
            return 2 * (target - self.lower) / (self.upper - self.lower) - 1
        return (target - previous) / self.step

    def state(self, position: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the policy's state (..., 2 J): positions relative to the middle, and targets minus positions."""
        middle = (self.lower + self.upper) / 2
        return np.concatenate([position - middle, LAG_SCALE * (target - position)], -1)
