"""The simulated driver of the rehearsal car, a stand-in for a person with a remote control."""

import numpy as np

from envs import LaneFollow
from envs.random import WorldRandom

CRUISE = 1.3  # m/s
GLANCE = (1, 4)  # steps between two observations: people correct in jerks
LAPSE = 0.02  # probability that the next observation comes later
LAPSE_STEPS = (6, 12)
SWERVE = 0.012  # probability per step that a swerve begins: one in four seconds
SWERVE_STEPS = (10, 22)
SWERVE_ASIDE = (0.08, 0.16)  # m to either side
WANDER = 0.03  # m, standard deviation of the target line
WANDER_SECONDS = 1.5
CLUMSINESS = 0.04  # standard deviation of a correction, of full lock
DEAD_ZONE = 0.04  # of the stick


class RehearsalDriver:
    """Simulates a driver: pure pursuit of the true centre line, with human imperfections.

    The driver knows the car's steering, observes the road only from time to time and holds the stick in between, drifts
    about the target line, and swerves and returns, so that recordings show the road from the side. The stick has a dead
    zone.

    Args:
        task: task of the environment, with the cars' positions.
        seeds: (n,) seeds of the imperfections, one per world.
    """

    def __init__(self, task: LaneFollow, seeds: np.ndarray) -> None:
        n = len(seeds)
        self._task, self._random, self._everyone = task, WorldRandom(seeds), np.arange(n)
        self._hold, self._swerving = np.zeros(n, int), np.zeros(n, int)  # steps left
        self._wander, self._swerve = np.zeros(n), np.zeros(n)  # m to the left
        self._action = np.zeros((n, 2))

    def act(self) -> np.ndarray:
        """Return (n, 2) steering and throttle for the current state of the task."""
        u, normal = self._random.uniform(self._everyone, 5), self._random.normal(self._everyone, 3)
        self._drift(u, normal)
        looks = self._hold <= 0
        length = np.where(u[:, 3] < LAPSE, *(_between(span, u[:, 4]) for span in (LAPSE_STEPS, GLANCE)))
        self._hold = np.where(looks, length, self._hold) - 1
        self._action[looks] = self._wanted(normal)[looks]
        return self._action.copy()

    def _drift(self, u: np.ndarray, normal: np.ndarray) -> None:
        """Move the target line."""
        keep = np.exp(-self._task.spec.control_dt / WANDER_SECONDS)
        self._wander = keep * self._wander + WANDER * np.sqrt(1 - keep**2) * normal[:, 0]
        begins = (self._swerving <= 0) & (u[:, 0] < SWERVE)
        aside = (SWERVE_ASIDE[0] + np.ptp(SWERVE_ASIDE) * u[:, 2]) * np.where(u[:, 1] < 0.5, -1, 1)
        self._swerving = np.where(begins, _between(SWERVE_STEPS, u[:, 4]), self._swerving) - 1
        self._swerve = np.where(begins, aside, np.where(self._swerving > 0, self._swerve, 0.0))

    def _wanted(self, normal: np.ndarray) -> np.ndarray:
        task = self._task
        car = {name: value[:, 0] for name, value in task.parameters.items()}
        wheels = task.pursuit(self._wander + self._swerve)
        steering = -(wheels + car["steer_trim"]) / car["steer_max"] + CLUMSINESS * normal[:, 1]
        steering[np.abs(steering) < DEAD_ZONE] = 0.0
        slower = 1 - 0.1 * np.minimum(np.abs(steering), 1)
        throttle = CRUISE / car["top_speed"] * slower * (1 + 0.03 * normal[:, 2])
        return np.clip(np.stack([steering, throttle], 1), -1, 1)


def _between(span: tuple[int, int], u: np.ndarray) -> np.ndarray:
    """Return integers (n,) in span, ends included, from uniform u (n,)."""
    return span[0] + (u * (span[1] - span[0] + 1)).astype(int)
