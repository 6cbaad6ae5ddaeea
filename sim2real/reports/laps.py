"""Rows of tables on laps of a rebuilt track."""

from collections.abc import Mapping
from typing import Any

from sim2real.statistics.agreement import Estimate
from sim2real.statistics.rates import Rate

LAPS_HEADER = (
    "driver",
    "laps without intervention",
    "interventions per lap",
    "offset [cm]",
    "speed [m/s]",
    "jerk [1/s]",
)


def lap_row(name: str, figures: Mapping[str, Any]) -> list[Any]:
    """Return a row of LAPS_HEADER from the figures of a driver (`lap_figures`)."""
    per_lap = Estimate(**figures["interventions_per_lap"])
    clean, speed = Rate(**figures["laps_without_intervention"]), figures["speed"]["mean"]
    return [name, clean, per_lap, offset_text(figures["offset"]), f"{speed:.2f}", f"{figures['jerk']:.2f}"]


def offset_text(offset: Mapping[str, float]) -> str:
    """Return mean and standard deviation in cm."""
    return f"{100 * offset['mean']:+.1f} ± {100 * offset['std']:.1f}"
