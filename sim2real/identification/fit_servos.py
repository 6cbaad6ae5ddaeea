# pyright: reportCallIssue=false
"""Fit of a robot's servos to its recordings."""

from collections.abc import Mapping

import numpy as np

from sim2real.identification.fit import COORDINATES, NAMES, Problem, solve, to_coordinates, to_values
from sim2real.identification.models import published_servo
from sim2real.identification.servos import IdentifiedServos, Parameter
from sim2real.identification.simulation import NOTHING, OBJECT, Replayer
from sim2real.identification.start import find_object, grid_search, starts
from sim2real.identification.uncertainty import at_bound, clusters, compensated, half_widths, not_identifiable
from sim2real.progress import Stages, no_stages
from sim2real.recordings.arm_logs import ArmRecording, Log
from sim2real.robots import RobotDescription

# If the log does not identify a parameter, the maker's value is used for the motor, but not for the firmware.
MAKERS = ("friction", "armature", "torque")
GRID_FRAMES, ROUNDS, WORSE = 2400, 6, 1.05
ITERATIONS = (14, 8)  # iterations from the first start and from the second


def fit_servos(
    robot: RobotDescription,
    recording: ArmRecording,
    logs: tuple[Log, ...],
    replayer: Replayer,
    stages: Stages = no_stages,
) -> IdentifiedServos:
    """Fit the servos of a robot to selected episodes of a recording."""
    published = _published(robot, replayer)
    base = replayer.nominal() | {name: published[name] for name in MAKERS} | {"braking": 0 * published["gain"]}
    few = logs[:: max(1, round(sum(map(len, logs)) / GRID_FRAMES))]
    report = stages("coarse search")
    angle, object_rmse = find_object(replayer, few if len(few) > 5 else logs, base, recording.fps)
    report(1, 2)
    if angle is not None:
        base[OBJECT] = np.where(np.array(robot.joints) == robot.gripper, angle, NOTHING)
    begin = starts(*grid_search(replayer, few, base))
    report(2, 2)
    problem = Problem(replayer, logs, base)
    best, cost = _from_all(problem, begin, stages)
    best, half, sources = _prune(problem, best, cost, base, recording.fps, stages)
    values = to_values(best, base)
    error = problem.errors(best[None])
    parameters = {name: _parameters(best[j], half[j], sources[j]) for j, name in enumerate(robot.joints)}
    rmse = float(np.sqrt((error**2).mean()))
    return IdentifiedServos(robot.joints, robot.gripper, parameters, values, published, object_rmse, rmse)


def _published(robot: RobotDescription, replayer: Replayer) -> dict[str, np.ndarray]:
    servo = published_servo(robot)
    nominal = replayer.nominal()
    return {n: np.full(len(robot.joints), getattr(servo, n)) if hasattr(servo, n) else v for n, v in nominal.items()}


def _from_all(problem: Problem, begin: list[dict[str, np.ndarray]], stages: Stages) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates (J, K) and mean square errors (J,), from the best start of each joint."""
    best, cost = None, None
    for k, start in enumerate(begin, 1):
        x, reached = solve(problem, to_coordinates(start), ITERATIONS[k - 1], stages(f"fit, start {k}"))
        if best is None or cost is None:
            best, cost = x, reached
        else:
            better = reached < cost
            best, cost = np.where(better[:, None], x, best), np.where(better, reached, cost)
    assert best is not None and cost is not None
    return best, cost


def _prune(
    problem: Problem, x: np.ndarray, cost: np.ndarray, base: Mapping[str, np.ndarray], fps: float, stages: Stages
) -> tuple[np.ndarray, np.ndarray, list[dict[str, str]]]:
    """Fix the parameters that the log does not identify, one per joint and round; returns coordinates (J, K), half
    intervals (J, K) and the source of each parameter."""
    report = stages("measure identifiability")
    prior, cluster = to_coordinates(base), clusters([len(log) for log in problem.logs], fps)
    sources = [{name: "log" if problem.free[j, k] else "none" for k, name in enumerate(NAMES)} for j in range(len(x))]
    half, derivative = half_widths(problem, x, cluster)
    for done in range(ROUNDS + 1):
        report(done, ROUNDS, {"RMSE": float(np.sqrt(cost.mean()))})
        doubtful = not_identifiable(problem, x, half)
        if not any(doubtful) or done == ROUNDS:
            break
        start, old, stuck = x.copy(), x.copy(), at_bound(problem, x)
        for j, names in enumerate(doubtful):
            if names:
                k = NAMES.index(names[0])
                if names[0] in MAKERS or not stuck[j, k]:
                    start[j] = compensated(problem, x, derivative, j, k, prior[j, k] - x[j, k])
                    sources[j][names[0]] = "published" if names[0] in MAKERS else "house"
                else:  # no delay or backlash: the log identifies this
                    sources[j][names[0]] = "bound"
                problem.free[j, k] = False
        x, reached = solve(problem, start, 5)
        for j, names in enumerate(doubtful):
            if names and reached[j] > cost[j] * WORSE**2:  # the log contradicts that value
                x[j] = old[j]
                sources[j][names[0]] = "bound"
                reached[j] = cost[j]
        cost = reached
        half, derivative = half_widths(problem, x, cluster)
    for j, names in enumerate(not_identifiable(problem, x, half)):
        for name in names:
            sources[j][name] = "bound"
    report(ROUNDS, ROUNDS)
    return x, half, sources


def _parameters(x: np.ndarray, half: np.ndarray, sources: Mapping[str, str]) -> dict[str, Parameter]:
    parameters = {}
    for k, coordinate in enumerate(COORDINATES):
        source = sources[coordinate.name]
        if source == "none":
            continue
        low, high = coordinate.bounds
        ends = [float(coordinate.value(np.clip(x[k] + s * half[k], low, high))) for s in (-1, 1)]
        known = ends if source == "log" else (None, None)
        parameters[coordinate.name] = Parameter(float(coordinate.value(x[k])), *known, source)
    return parameters
