"""Least squares on open-loop replays, for all joints in parallel, each joint with its own steps.

A joint's angle hardly depends on the other joints' servos, so one rollout with a parameter changed in all joints gives
that column of every joint's Jacobian, and steps are accepted per joint: Levenberg-Marquardt (Marquardt 1963) in all
joints in parallel. `scipy.optimize.least_squares` would take one step for all joints, or a rollout for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.identification.simulation import OBJECT, PARAMETERS, Replayer
from sim2real.progress import Progress, silent
from sim2real.recordings.arm_logs import Log


@dataclass(frozen=True)
class Coordinate:
    """The search space of a parameter: linear or logarithmic, with bounds and a step for finite differences."""

    name: str
    low: float
    high: float
    log: bool = True
    step: float = 0.05

    def to(self, value: np.ndarray) -> np.ndarray:
        """Return the coordinates of a parameter's values, clipped to the bounds."""
        value = np.clip(value, self.low, self.high)
        return np.log(value) if self.log else value

    def value(self, x: np.ndarray) -> np.ndarray:
        """Return the parameter's values at coordinates."""
        return np.exp(x) if self.log else np.asarray(x)

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the coordinate's bounds."""
        return float(self.to(np.array(self.low))), float(self.to(np.array(self.high)))


COORDINATES = (
    Coordinate("gain", 1.0, 3000.0),
    Coordinate("damping", 0.01, 100.0),
    Coordinate("friction", 1e-3, 3.0, step=0.1),
    Coordinate("armature", 5e-4, 1.0, step=0.2),
    Coordinate("torque", 0.2, 30.0),
    Coordinate("delay", 0.0, 0.24, log=False, step=0.0067),
    Coordinate("backlash", 0.0, 0.15, log=False, step=0.002),
    Coordinate("offset", -0.15, 0.15, log=False, step=0.002),
    Coordinate(OBJECT, -1.0, 3.0, log=False, step=0.005),
)
NAMES = tuple(c.name for c in COORDINATES)
SCALES = (0.01, 0.3, 10.0)  # damping factors of steps that are tried in parallel
SETTLED = 1e-3  # relative reduction of the squared error below which a joint has converged


def to_coordinates(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return coordinates (J, K) from values (J,) per parameter."""
    return np.stack([c.to(values[c.name]) for c in COORDINATES], 1)


def to_values(x: np.ndarray, base: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return values (..., J) per parameter from coordinates (..., J, K); other parameters, and no object, from base."""
    values = {name: np.broadcast_to(base[name], x.shape[:-1]) for name in PARAMETERS}
    searched = {c.name: c.value(x[..., k]) for k, c in enumerate(COORDINATES)}
    values |= searched | {OBJECT: np.where(base[OBJECT] < -1, base[OBJECT], searched[OBJECT])}
    return values


class Problem:
    """Open-loop errors of logs.

    Args:
        replayer: replayer of the arm.
        logs: logs to fit.
        base: (J,) values of parameters that are not searched.

    Attributes:
        free: (J, K) bool, which coordinates are searched.
    """

    def __init__(self, replayer: Replayer, logs: Sequence[Log], base: Mapping[str, np.ndarray]) -> None:
        self.replayer, self.logs, self.base = replayer, list(logs), dict(base)
        self.free = np.ones((len(replayer.arm.joints), len(COORDINATES)), bool)
        self.free[:, NAMES.index(OBJECT)] = self.base[OBJECT] >= -1
        bounds = np.array([c.bounds for c in COORDINATES])
        self.low, self.high = bounds[:, 0], bounds[:, 1]
        self.steps = np.array([c.step for c in COORDINATES])
        self._state = np.concatenate([log.state for log in self.logs])

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Return errors (P, N, J) [rad] over all rows of all logs, for P sets of coordinates (P, J, K)."""
        angles = self.replayer.rollout(to_values(x, self.base), self.logs)
        return np.concatenate(angles, 1) - self._state

    def jacobian(self, x: np.ndarray, central: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return errors (N, J) at x (J, K) and their derivatives (N, J, K); 0 where a coordinate is not free."""
        columns = np.flatnonzero(self.free.any(0))
        ahead, behind = np.repeat(x[None], len(columns), 0), np.repeat(x[None], len(columns), 0)
        for row, k in enumerate(columns):
            ahead[row, :, k] += self.steps[k] * self.free[:, k]
            behind[row, :, k] -= self.steps[k] * self.free[:, k]
            over, under = ahead[row, :, k] > self.high[k], behind[row, :, k] < self.low[k]
            ahead[row, over, k], behind[row, under, k] = x[over, k], x[under, k]
            if not central:  # forward difference, backward at the upper bound
                behind[row, ~over, k] = x[~over, k]
        errors = self.errors(np.concatenate([x[None], ahead, behind] if central else [x[None], ahead]))
        first, after = errors[0], errors[1 : 1 + len(columns)]
        before = errors[1 + len(columns) :] if central else np.repeat(first[None], len(columns), 0)
        derivative = np.zeros((*first.shape, len(NAMES)))
        for row, k in enumerate(columns):
            width = ahead[row, :, k] - (behind[row, :, k] if central else x[:, k])
            if not central:
                at = width == 0
                width = np.where(at, 1.0, width)
            derivative[..., k] = np.where(self.free[:, k], (after[row] - before[row]) / np.where(width, width, 1), 0)
        return first, derivative


def solve(
    problem: Problem, x: np.ndarray, iterations: int, progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
    """Run Levenberg-Marquardt from x (J, K) per joint; returns the coordinates and (J,) mean square errors.

    Progress shows the root of the mean square error over all joints.
    """
    joints = len(x)
    damping, cost = np.full(joints, 0.1), np.full(joints, np.inf)
    best, best_cost = x.copy(), cost.copy()
    for iteration in range(iterations):
        error, derivative = problem.jacobian(x)
        cost = (error**2).mean(0)
        better = cost < best_cost
        best[better], best_cost[better] = x[better], cost[better]
        trials = np.stack([_step(problem, x, error, derivative, damping * scale) for scale in SCALES])
        costs = (problem.errors(trials) ** 2).mean(1)
        chosen = costs.argmin(0)
        reached = costs[chosen, np.arange(joints)]
        gained = reached < cost
        x = np.where(gained[:, None], trials[chosen, np.arange(joints)], x)
        damping = np.clip(np.where(gained, damping * np.array(SCALES)[chosen], damping * 30), 1e-6, 1e6)
        progress(iteration + 1, iterations, {"RMSE": float(np.sqrt(np.minimum(cost, reached).mean()))})
        if not (reached < cost * (1 - SETTLED)).any() and iteration > 1:
            break
    cost = (problem.errors(x[None])[0] ** 2).mean(0)
    better = cost < best_cost
    best[better], best_cost[better] = x[better], cost[better]
    return best, best_cost


def _step(
    problem: Problem, x: np.ndarray, error: np.ndarray, derivative: np.ndarray, damping: np.ndarray
) -> np.ndarray:
    """Return coordinates (J, K) after one damped Gauss-Newton step, clipped to the bounds."""
    result = x.copy()
    for j in range(len(x)):
        gradient = derivative[:, j].T @ error[:, j]
        stuck = ((x[j] <= problem.low) & (gradient > 0)) | ((x[j] >= problem.high) & (gradient < 0))
        columns = np.flatnonzero(problem.free[j] & ~stuck & (derivative[:, j] != 0).any(0))
        if not len(columns):
            continue
        jacobian = derivative[:, j, columns]
        normal = jacobian.T @ jacobian
        scale = np.diag(normal) + 1e-9 * np.trace(normal)
        move = np.linalg.solve(normal + damping[j] * np.diag(scale), -gradient[columns])
        limit = np.array([0.7 if COORDINATES[k].log else 8 * COORDINATES[k].step for k in columns])
        result[j, columns] += np.clip(move, -limit, limit)
    return np.clip(result, problem.low, problem.high)
