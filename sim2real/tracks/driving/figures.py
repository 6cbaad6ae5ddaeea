"""Figures of laps on a rebuilt track, with their intervals over laps."""

from typing import Any

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.statistics.rates import Rate
from sim2real.tracks.driving.course import Driver
from sim2real.tracks.driving.laps import Laps


def interventions_per_lap(laps: Laps) -> Estimate:
    """Return the mean number of interventions, its interval by bootstrap over laps.

    Without any, resamples have none either: then the upper end is Poisson's exact one.
    """
    counts = laps.interventions
    if not counts.any():
        return Estimate(0.0, 0.0, -np.log(0.025) / len(counts))
    bootstrap, value = Bootstrap(len(counts)), float(counts.mean())
    low, high = bootstrap.interval(value, bootstrap.weights @ counts / len(counts), least=0) or (None, None)
    return Estimate(value, low, high)


def clean_laps(laps: Laps) -> Rate:
    """Return the share of laps without intervention."""
    return Rate.of(int(laps.clean.sum()), len(laps.clean))


def lap_figures(laps: Laps, fps: float) -> dict[str, Any]:
    """Return the figures of one driver: offset [m] to the left and jerk [1/s] over all frames of its laps.

    Jerk is the root mean square of the steering command's change per second.
    """
    steps = laps.steps
    order = np.lexsort([steps.step, steps.lap])
    steering, same = steps.command[order, 0], np.diff(steps.lap[order]) == 0
    change = np.diff(steering)[same] * fps
    return {
        "laps": len(laps.seeds),
        "frames": len(steps.lap),
        "laps_without_intervention": clean_laps(laps).to_dict(),
        "laps_out_of_time": int((~laps.finished).sum()),
        "interventions_per_lap": interventions_per_lap(laps).to_dict(),
        "offset": {"mean": float(steps.offset.mean()), "std": float(steps.offset.std())},
        "speed": {"mean": float(steps.speed.mean())},
        "jerk": float(np.sqrt(np.mean(change**2))) if len(change) else 0.0,
    }


def driver_figures(driver: Driver, offset: dict[str, float]) -> dict[str, Any]:
    """Return those of the log's drivers; `beyond` is the share of frames that would be interventions."""
    low, high = driver.speeds
    speed = {"median": float(np.median(driver.speed)), "p5": low, "p95": high}
    back = float((driver.way < 0).mean())
    return {"offset": offset, "beyond": driver.beyond, "frames": driver.frames, "speed": speed, "backwards": back}
