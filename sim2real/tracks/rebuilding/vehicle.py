"""How the car answered to its commands, measured on its odometry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.tracks.rebuilding.drive import CLEAR

NAMES = ("curvature_per_steering", "curvature_offset", "delay", "speed_per_throttle")  # 1/m, 1/m, s, m/s
MOST_DELAY = 0.6  # s
_SLOW = 0.1  # m/s, below which a curvature is noise
_PAIRS = 50  # frames that a figure needs
_RESAMPLES = 400
_LEAST = 0.05  # 1/m or m/s per unit: less is no car


@dataclass(frozen=True)
class Response:
    """A drive's commands, and what the car did, frame by frame.

    Attributes:
        steering, throttle: (n,) commands, in the recordings' units.
        curvature: (n,) 1/m, positive to the left; NaN where it is not known.
        speed: (n,) m/s; NaN where it is not known.
    """

    steering: np.ndarray
    throttle: np.ndarray
    curvature: np.ndarray
    speed: np.ndarray


def response(actions: np.ndarray, steps: np.ndarray, correlation: np.ndarray, fps: float) -> Response:
    """Return a drive's response from its actions (n, 2+), odometry (n - 1, 3) and its correlation (n - 1,)."""
    distance = np.hypot(steps[:, 0], steps[:, 1])
    known = correlation >= CLEAR
    moving = known & (distance * fps > _SLOW)
    curvature = np.where(moving, steps[:, 2] / np.maximum(distance, _SLOW / fps), np.nan)
    speed = np.where(known, distance * fps, np.nan)
    steering, throttle = actions[:-1, 0], actions[:-1, 1]
    return Response(steering, throttle, curvature, speed)


def vehicle(responses: Sequence[Response], fps: float) -> dict[str, Estimate | None]:
    """Return curvature per unit of steering [1/m], its offset, the delay [s] and the speed per unit of throttle [m/s].

    Intervals are by bootstrap over drives; None: not known, as nothing was steered or little was driven.

    The delay is that with the highest correlation of steering and curvature, between frames by a parabola.
    """
    lags = np.arange(int(MOST_DELAY * fps) + 1)
    sums = np.array([[_moments(_pairs(each, int(lag))) for lag in lags] for each in responses])
    throttle = np.array([_moments((each.throttle[:-1], each.speed[1:])) for each in responses])
    bootstrap = Bootstrap(len(responses), _RESAMPLES)
    weights = np.concatenate([np.ones((1, len(responses)), int), bootstrap.weights])
    figures = np.array([_figures(np.tensordot(w, sums, 1), w @ throttle, fps) for w in weights])
    result: dict[str, Estimate | None] = {}
    for k, name in enumerate(NAMES):
        value = float(figures[0, k])
        least, most = _bounds(name, value)
        low, high = bootstrap.interval(value, figures[1:, k], least, most) or (None, None)
        result[name] = Estimate(value, low, high) if np.isfinite(value) else None
    return result


def _bounds(name: str, value: float) -> tuple[float, float]:
    """Return the least and the most that a figure may be: no car steers either way, or drives backwards."""
    if name == "curvature_per_steering":
        return (-np.inf, -_LEAST) if value < 0 else (_LEAST, np.inf)
    return {"delay": (0.0, MOST_DELAY), "speed_per_throttle": (_LEAST, np.inf)}.get(name, (-np.inf, np.inf))


def _pairs(each: Response, lag: int) -> tuple[np.ndarray, np.ndarray]:
    count = max(len(each.steering) - lag, 0)
    return each.steering[:count], each.curvature[lag : lag + count]


def _moments(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return n, sums of x, y, xx, yy, xy of the known pairs."""
    x, y = (np.asarray(v, float) for v in pair)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    return np.array([len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])


def _figures(sums: np.ndarray, throttle: np.ndarray, fps: float) -> np.ndarray:
    """Return NAMES from sums of `_moments`: (lags, 6) of steering and curvature, (6,) of throttle and speed."""
    n, x, y, xx, yy, xy = sums.T
    speed = throttle[2] / throttle[1] if throttle[1] > 0 else np.nan
    if n.min() < _PAIRS or xx[0] / n[0] - (x[0] / n[0]) ** 2 < 1e-6:  # nothing was steered
        return np.array([np.nan, np.nan, np.nan, speed])
    with np.errstate(all="ignore"):
        covariance, spread = xy / n - x * y / n**2, xx / n - (x / n) ** 2
        correlation = np.nan_to_num(np.abs(covariance) / np.sqrt(spread * (yy / n - (y / n) ** 2)))
        best = int(correlation.argmax())
        delay = float(best)
        if 0 < best < len(correlation) - 1:
            a, b, c = correlation[best - 1 : best + 2]
            delay += 0.5 * (a - c) / (a - 2 * b + c)
        slope = covariance[best] / spread[best]
        offset = (y[best] - slope * x[best]) / n[best]
    return np.array([slope, offset, delay / fps, speed])
