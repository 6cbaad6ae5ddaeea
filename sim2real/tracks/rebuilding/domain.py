"""The randomization for the car that was measured on a log."""

from collections.abc import Mapping

import numpy as np

from envs.lane_follow.task import WHEELBASE
from envs.randomization import Randomization, Vary
from sim2real.statistics.agreement import Estimate

NOMINAL_DELAY = 0.2  # s from a command to seeing its effect, in the task as it is
WIDEN = 0.1  # at least, relative to the value
WIDEN_TRIM = 0.01  # rad at least


def measured_randomization(default: Randomization, vehicle: Mapping[str, Estimate | None]) -> Randomization:
    """Return a randomization of LaneFollow with the car as it was measured; what is not known stays as it was."""
    entries: dict[str, tuple[float, float]] = {}
    slope, offset = vehicle["curvature_per_steering"], vehicle["curvature_offset"]
    delay, speed = vehicle["delay"], vehicle["speed_per_throttle"]
    if slope is not None:  # positive steering is right, positive curvature left
        entries["task.steer_max"] = _around(np.arctan(-WHEELBASE * np.array(_ends(slope))), WIDEN)
    if offset is not None:
        trims = np.arctan(-WHEELBASE * np.array(_ends(offset)))
        entries["task.steer_trim"] = _around(trims, 0.0, WIDEN_TRIM)
    if speed is not None:
        entries["task.top_speed"] = _around(np.array(_ends(speed)), WIDEN)
    kept = [vary for vary in default.varied if vary.field not in entries]
    if delay is not None:
        kept = [_later(vary, delay.value - NOMINAL_DELAY) if vary.field == "actuator_delay" else vary for vary in kept]
    added = [Vary(field, "uniform", span, "set") for field, span in entries.items()]
    return Randomization((*kept, *added), default.name, default.robot)


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    low = estimate.value if estimate.low is None else estimate.low
    return low, estimate.value, estimate.value if estimate.high is None else estimate.high


def _around(values: np.ndarray, share: float, least: float = 0.0) -> tuple[float, float]:
    """Return a range with low, value and high (3,) that is at least so wide."""
    margin = max(share * abs(float(values[1])), least)
    low, high = min(values.min(), values[1] - margin), max(values.max(), values[1] + margin)
    return round(float(low), 4), round(float(high), 4)


def _later(vary: Vary, seconds: float) -> Vary:
    low, high = (max(0.0, round(float(end) + seconds, 4)) for end in (vary.range[0], vary.range[-1]))
    return Vary(vary.field, vary.distribution, (low, max(high, low)), vary.operation, each=vary.each)
