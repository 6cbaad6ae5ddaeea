"""From actions in [-1, 1] to joint targets, and back: the same in simulation, on recordings and on hardware."""

from dataclasses import dataclass

import numpy as np

from envs.errors import InputError

MODES = ("delta", "absolute")
WINDUP = 0.35  # rad, that a target may be ahead of the joint: what is gripped is held, what is blocked not forced
LAG_SCALE = 5.0  # of the state's second half, which is then about 1 at most


@dataclass(frozen=True)
class JointControl:
    """How actions move the joints' targets.

    Attributes:
        lower, upper: (J,) rad, between which targets lie.
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
        """Next targets (..., J) rad from actions (..., J), the targets before and the measured positions [rad]."""
        action = np.clip(action, -1, 1)
        if self.mode == "absolute":
            return self.lower + (action + 1) / 2 * (self.upper - self.lower)
        ahead = np.clip(previous + self.step * action, position - WINDUP, position + WINDUP)
        return np.clip(ahead, self.lower, self.upper)

    def action(self, target: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """Actions (..., J) in [-1, 1] that come closest to moving the targets from `previous` to `target` [rad]."""
        return np.clip(self.unlimited_action(target, previous), -1, 1)

    def unlimited_action(self, target: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """Actions (..., J) that would do it exactly; beyond [-1, 1] where a move is too fast or leads out of range."""
        if self.mode == "absolute":
            return 2 * (target - self.lower) / (self.upper - self.lower) - 1
        return (target - previous) / self.step

    def state(self, position: np.ndarray, target: np.ndarray) -> np.ndarray:
        """(..., 2 J) what a policy is told: positions relative to the range's middle, and how far targets are ahead."""
        middle = (self.lower + self.upper) / 2
        return np.concatenate([position - middle, LAG_SCALE * (target - position)], -1)
