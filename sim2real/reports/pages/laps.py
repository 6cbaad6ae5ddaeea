"""The page of laps on a rebuilt track."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2real.evaluation.results import TrackEvaluation
from sim2real.reports.films.laps import worst_moments
from sim2real.reports.laps import LAPS_HEADER, lap_row, offset_text
from sim2real.reports.page import Report
from sim2real.reports.pages.drawing import add_drawing
from sim2real.reports.pictures.plan import Plan
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure
from sim2real.statistics.rates import Rate
from sim2real.tracks.driving.laps import Laps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIFFERENCE_HEADER = ("paired with the first", "laps without intervention")
_CONTROLS = {"zero_steering": "control: never steers", "teacher": "control: knows the pose"}
_PATHS, _WIDTH = 12, 760  # laps drawn, px of the map
_NOTE = (
    "In brackets 95 % intervals over laps: Wilson, and by bootstrap. They hold for other starts and cars on this track,"
    " not for other tracks. Offset: mean ± standard deviation to the left of the centre line; a car is put back beyond"
    " half the road's width, so that the offset of one that fails is limited. Jerk: root mean square of the steering"
    " command's change per second. The log's drivers: share of frames where an intervention would be due."
)


def lap_lines(result: TrackEvaluation) -> list[str]:
    """Return what was driven, and how the log's drivers drove."""
    course, driver, count = result.episodes.course, result.metrics["driver"], len(result.episodes.seeds)
    way = "a lap" if course.line.closed else "the way from one end to the other: the line is not closed"
    width = f"{2 * course.half:.2f} m" + ("" if course.line.width else ", assumed, as no edge lines were found")
    back = f"{100 * driver['backwards']:.0f} % of the laps go against the line, as the log's drivers did"
    low, high = driver["speed"]["p5"], driver["speed"]["p95"]
    throttle = f"the log's per throttle, within the drivers' {low:.2f} … {high:.2f} m/s"
    speed = throttle if result.config.speed is None else f"{result.config.speed:g} m/s, whatever the throttle"
    return [
        f"{count} laps each on {result.track.folder}; {way} is {course.lap:.1f} m, the road {width} wide; {back}.",
        f"The log's drivers were beyond half the road's width in {100 * driver['beyond']:.1f} % of {driver['frames']} "
        f"frames. Speed: {speed}.",
        _pull_line(result),
    ]


def _pull_line(result: TrackEvaluation) -> str:
    """Return how the car goes without steering, which a policy that never met the car does not know."""
    vehicle = result.episodes.vehicle
    curvature, steering = result.track.vehicle["curvature_offset"], float(vehicle.steering_for(np.zeros(1)).mean())
    if curvature is None or (curvature.low is not None and curvature.low <= 0 <= (curvature.high or 0)):
        return "Without steering the car goes straight on, within the interval of what was measured."
    side = "left" if curvature.value > 0 else "right"
    return (
        f"The car pulls to the {side}: it drives curves of {curvature} 1/m without steering (positive is left), and "
        f"straight on at steering {steering:+.3f}. A policy that was trained on another car does not know that."
    )


def lap_rows(result: TrackEvaluation) -> list[list[Any]]:
    """Return rows of LAPS_HEADER: policies, controls, the log's drivers."""
    metrics, first = result.metrics, next(iter(result.laps))
    rows = [lap_row(name, figures) for name, figures in metrics.get("checkpoints", {first: metrics}).items()]
    rows += [lap_row(_CONTROLS[name], figures) for name, figures in metrics["controls"].items()]
    driver = metrics["driver"]
    beyond = f"beyond half the width: {100 * driver['beyond']:.1f} %"
    offset, speed = offset_text(driver["offset"]), f"{driver['speed']['median']:.2f}"
    return [*rows, ["the log's drivers", beyond, "", offset, speed, ""]]


def difference_rows(result: TrackEvaluation) -> list[list[Any]]:
    """Return rows of DIFFERENCE_HEADER."""
    first = next(iter(result.laps))
    return [[f"{name} minus {first}", str(difference)] for name, difference in result.differences.items()]


def write_laps_report(result: TrackEvaluation, command: str) -> Path:
    """Write `report.html` to the run's folder; returns its path.

    Args:
        command: the command line.

    Raises:
        OSError: the disk does not take it.
    """
    first, *more = lap_lines(result)
    page = Report("Laps on a rebuilt track", str(result.track.folder))
    best, laps = next(iter(result.laps.items()))
    page.text(f"{best}: {Rate.of(int(laps.clean.sum()), len(laps.clean))} laps without intervention.", lead=True)
    for line in (first, *more):
        page.text(line)
    page.table(LAPS_HEADER, lap_rows(result), _NOTE)
    if result.differences:
        page.table(DIFFERENCE_HEADER, difference_rows(result), "By Newcombe's interval and McNemar's test.")
    add_drawing(page, result)
    page.heading("Where")
    page.pictures(
        [
            (_map(result, each), f"{name}: {_PATHS} laps; crosses: every intervention of all laps.")
            for name, each in result.laps.items()
        ]
    )
    page.figure(_offsets(result), "Offset to the left of the centre line; dotted: half the road's width.")
    page.heading("Worst moments").pictures(worst_moments(result))
    page.provenance(command, result.config.seed, checkpoints=", ".join(map(str, result.checkpoints)))
    page.write(result.folder / "report.html")
    return result.folder / "report.html"


def _map(result: TrackEvaluation, laps: Laps) -> np.ndarray:
    """Return the map with the paths of the first laps, and with all interventions."""
    plan, colour = Plan(result.track.mosaic, _WIDTH), _rgb(COLOURS[0])
    for lap in range(min(_PATHS, len(laps.seeds))):
        steps = laps.steps.of(lap)
        cuts = laps.out_step[laps.out_lap == lap] + 1
        for piece in np.split(steps.pose[:, :2], cuts):
            plan.path(piece, colour)
    plan.marks(laps.out_pose[:, :2], (200, 30, 30))
    return plan.image


def _offsets(result: TrackEvaluation) -> "Figure":
    """Draw the distribution of the offset of each policy, and of the log's drivers."""
    figure, axes = new_figure(8.6, 3.6)
    half = result.episodes.course.half
    bins = (100 * np.linspace(-1.6 * half, 1.6 * half, 65)).tolist()
    driver = np.clip(100 * result.track.poses["offset"], bins[0], bins[-1])
    axes.hist(driver, bins, density=True, color=FAINT, alpha=0.5, label="the log's drivers")
    for k, (name, laps) in enumerate(result.laps.items()):
        colour = COLOURS[k % len(COLOURS)]
        offset = np.clip(100 * laps.steps.offset, bins[0], bins[-1])
        axes.hist(
            offset,
            bins,
            density=True,
            histtype="step",
            color=colour,
            linewidth=1.6,
            label=name[-34:].replace("$", r"\$"),
        )
    for side in (-half, half):
        axes.axvline(100 * side, color=INK, linewidth=1, linestyle=":")
    axes.set_xlabel("offset [cm]", color=INK)
    axes.set_ylabel("share per cm", color=INK)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
