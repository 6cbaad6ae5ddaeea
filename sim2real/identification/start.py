"""Start of the search: a coarse grid of servos, and detection of an object in the gripper."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from sim2real.identification.simulation import LOW, NOTHING, OBJECT, Replayer
from sim2real.recordings.arm_logs import Log

GRID = {
    "gain": (6.0, 15.0, 40.0, 120.0, 400.0),  # N m/rad
    "lag": (0.03, 0.08),  # s, damping over gain
    "delay": (0.01, 0.05, 0.1),  # s
    "backlash": (0.005, 0.03),  # rad
}
BLOCKED = 0.1  # rad short of its command …
STILL = 0.01  # rad, while it moves at most this far …
FOR = 0.3  # s


def grid_search(
    replayer: Replayer, logs: Sequence[Log], base: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Simulate all servos of the grid in all joints.

    Returns:
        Values (P, J) per parameter, and mean square errors (P, J).
    """
    points = np.array(list(itertools.product(*GRID.values())))
    column = dict(zip(GRID, points.T, strict=True))
    joints = len(replayer.arm.joints)
    sets = {name: np.tile(values, (len(points), 1)) for name, values in base.items()}
    for name in ("gain", "delay", "backlash"):
        sets[name] = np.repeat(column[name][:, None], joints, 1)
    sets["damping"] = sets["gain"] * column["lag"][:, None]
    angles = replayer.rollout(sets, logs)
    square = [((simulated - log.state) ** 2).mean(1) for simulated, log in zip(angles, logs, strict=True)]
    return sets, np.mean(square, 0)


def starts(sets: Mapping[str, np.ndarray], cost: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Return two starts, (J,) per parameter: for each joint the best grid point, and the best with another gain."""
    joints = np.arange(cost.shape[1])
    first = cost.argmin(0)
    near = np.abs(np.log(sets["gain"] / sets["gain"][first, joints])) < 0.5
    second = np.where(near, np.inf, cost).argmin(0)
    return [{name: values[k, joints].copy() for name, values in sets.items()} for k in (first, second)]


def blocked_angle(logs: Sequence[Log], jaw: int, fps: float) -> float | None:
    """Return the angle [rad] at which jaws stopped before they reached their command.

    Returns None unless this happens in at least a fifth of the logs.
    """
    rows, angles = max(2, round(FOR * fps)), []
    for log in logs:
        state, command = log.state[:, jaw], log.command[:, jaw]
        still = np.array([np.ptp(state[max(0, k - rows) : k + 1]) < STILL for k in range(len(state))])
        still[:rows] = False
        stuck = state[still & (state - command > BLOCKED)]
        if len(stuck) >= rows:
            angles.append(float(np.median(stuck)))
    return float(np.median(angles)) if len(angles) >= max(2, len(logs) / 5) else None


def closing_height(replayer: Replayer, logs: Sequence[Log], jaw: int, angle: float) -> float:
    """Return the tool height [m] when jaws closed on an object that stopped them at an angle (0.9 quantile)."""
    heights: list[float] = []
    for log in logs:
        rows = np.flatnonzero((log.command[:-1, jaw] < angle) & (log.state[:-1, jaw] >= angle))
        begun = rows[(log.command[rows - 1, jaw] >= angle) & (rows > 0)]
        heights += replayer.heights(log)[begun].tolist()
    return max(LOW, float(np.quantile(heights, 0.9)) + 0.02) if heights else LOW


def find_object(
    replayer: Replayer, logs: Sequence[Log], base: Mapping[str, np.ndarray], fps: float
) -> tuple[float | None, tuple[float, float] | None]:
    """Return the jaw's angle at a grasped object, if modelling the object improves validation episodes.

    Returns:
        The angle [rad] or None, and the jaw's RMSE [rad] on validation episodes of these logs, with and without it.
    """
    gripper = replayer.arm.gripper
    if gripper is None or len(logs) < 4:
        return None, None
    jaw = replayer.arm.joints.index(gripper)
    overall = blocked_angle(logs, jaw, fps)
    if overall is None:
        return None, None
    replayer.low = closing_height(replayer, logs, jaw, overall)
    halves, errors = (logs[::2], logs[1::2]), np.zeros((2, 2))
    for k, (train, test) in enumerate((halves, halves[::-1])):
        angle = blocked_angle(train, jaw, fps)
        for m, value in enumerate((NOTHING if angle is None else angle, NOTHING)):
            tried = dict(base) | {OBJECT: np.where(np.arange(len(base[OBJECT])) == jaw, value, NOTHING)}
            sets, cost = grid_search(replayer, train, tried)
            best = {name: values[cost[:, jaw].argmin()][None] for name, values in sets.items()}
            angles = replayer.rollout(best, test)
            errors[k, m] = np.mean(
                [((a[0] - log.state)[:, jaw] ** 2).mean() for a, log in zip(angles, test, strict=True)]
            )
    helped = (errors[:, 0] < 0.8 * errors[:, 1]).all()
    rmse = np.sqrt(errors.mean(0))
    return (overall if helped else None), (float(rmse[0]), float(rmse[1]))
