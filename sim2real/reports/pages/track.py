"""The page of a rebuilt track."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2real.reports.page import Report
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure
from sim2real.statistics.agreement import Estimate
from sim2real.tracks.rebuilding.reconstruction import Reconstruction
from sim2real.tracks.rebuilding.writing import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELD_OUT_HEADER = ("held-out frames", "median", "95th percentile")
VEHICLE_HEADER = ("the car", "measured", "95 % interval")
_VEHICLE = {
    "curvature_per_steering": ("curvature per unit of steering", "1/m"),
    "curvature_offset": ("curvature without steering", "1/m"),
    "delay": ("delay of the steering", "s"),
    "speed_per_throttle": ("speed per unit of throttle", "m/s"),
}


def track_lines(track: Reconstruction) -> list[str]:
    """Return the summary: what was placed, whether the map closes, and the centre line."""
    metrics, line = track.metrics(), track.line
    lap = f"a lap of {line.length:.1f} m" if line.closed else f"{line.length:.1f} m that do not close"
    edges = (
        "no edge lines were found: the centre line is the driven path"
        if line.width is None
        else f"edge lines {line.width:.2f} m apart"
    )
    held = metrics["heldout"]
    return [
        f"{100 * metrics['placed']:.0f} % of {metrics['frames']} frames have a place on the map: {lap}, {edges}.",
        f"{held['frames']} frames were held out of it: {100 * held['placed']:.0f} % of them were found again, "
        f"{held['compared']} keyframes compared with mapped ones of another drive.",
        *_lens(metrics["length_scale"]),
    ]


def _lens(lengths: dict[str, Any]) -> list[str]:
    """Return what the lengths of motions say against the map's size, if anything."""
    low, high, odd = lengths["low"], lengths["high"], lengths["value"] - 1
    if low is None or low <= 1 <= high or lengths["used"] != 1:
        return []
    return [
        f"Frames in their own pixels show motions {abs(100 * odd):.0f} % {'longer' if odd > 0 else 'shorter'} than "
        "views from above: soft frames, or a lens or pitch not quite as given (calibrate camera tells); the map keeps "
        "the latter."
    ]


def held_out_rows(track: Reconstruction) -> list[list[Any]]:
    """Return rows of HELD_OUT_HEADER."""
    held = track.metrics()["heldout"]
    names = {
        "along": ("along the way", 100, "cm"),
        "across": ("across the way", 100, "cm"),
        "yaw": ("yaw", 180 / np.pi, "°"),
    }

    def shown(value: float | None, scale: float, unit: str) -> str:
        return "" if value is None else f"{scale * value:.2f} {unit}"

    return [
        [title, *(shown(held[name][key], scale, unit) for key in ("median", "p95"))]
        for name, (title, scale, unit) in names.items()
    ]


def vehicle_rows(track: Reconstruction) -> list[list[Any]]:
    """Return rows of VEHICLE_HEADER."""
    return [[f"{title} [{unit}]", *_measured(track.vehicle[name])] for name, (title, unit) in _VEHICLE.items()]


def _measured(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "not known", ""
    interval = "" if estimate.low is None else f"{estimate.low:.3f} … {estimate.high:.3f}"
    return f"{estimate.value:.3f}", interval


def write_track_report(path: Path, track: Reconstruction, command: str, seed: int) -> None:
    """Write the page of a rebuilt track.

    Args:
        command: the command line that made it.
        seed: of the choice of held-out blocks.
    """
    summary, *more = track_lines(track)
    report = Report("A track, rebuilt from its log", path.parent.name)
    report.text(summary, lead=True)
    for line in more:
        report.text(line)
    report.picture(picture(track.mosaic), "The map: the ground as all mapped frames saw it, seen from above.")
    report.figure(_plan(track), "Where frames were (grey: mapped, coloured: held out), and the centre line.")
    note = (
        "Disagreement of a frame's place on the map, which was made without it, with its registration to the nearest "
        "mapped frame of another drive. Includes the error of that registration."
    )
    report.heading("Held-out frames").table(HELD_OUT_HEADER, held_out_rows(track), note)
    note = "By odometry on the ground, from all frames; intervals by bootstrap over drives. Positive steering is right."
    report.heading("Vehicle").table(VEHICLE_HEADER, vehicle_rows(track), note)
    driver = track.metrics()["driver"]["offset"]
    report.text(f"The driver was {100 * driver['mean']:+.1f} ± {100 * driver['std']:.1f} cm left of the centre line.")
    report.provenance(command, seed).write(path)


def _plan(track: Reconstruction) -> "Figure":
    """Draw the places of all mapped and held-out keyframes, and the centre line."""
    figure, axes = new_figure(8.6, 6.5)
    mapped = np.concatenate([track.placed.poses[k][track.placed.supported(k)] for k in track.placed.poses])
    axes.plot(mapped[:, 0], mapped[:, 1], ".", color=FAINT, markersize=2, rasterized=True, label="mapped")
    held = np.array([pose for keys in track.localized.values() for pose in keys.values()]).reshape(-1, 3)
    axes.plot(held[:, 0], held[:, 1], ".", color=COLOURS[1], markersize=3, rasterized=True, label="held out")
    points = track.line.points
    points = np.concatenate([points, points[:1]]) if track.line.closed else points
    axes.plot(points[:, 0], points[:, 1], color=COLOURS[0], linewidth=1.2, label="centre line")
    axes.set_aspect("equal")
    axes.set_xlabel("x [m]", color=INK)
    axes.set_ylabel("y [m]", color=INK)
    axes.legend(frameon=False, labelcolor=INK)
    return figure
