"""The report page on how well simulation predicts success on the rehearsal robot, over checkpoints."""

import math
from pathlib import Path
from typing import Any

from sim2real.evaluation.config import PLACES
from sim2real.evaluation.naming import short_names
from sim2real.evaluation.results import SIDES, CorrelationResult
from sim2real.reports.page import Report
from sim2real.reports.plots.charts import write_plot
from sim2real.reports.plots.correlation import correlation_plot
from sim2real.statistics.correlation import Coefficient

SIDE_NAMES = {"sim": "in simulation", "rehearsal": "on the rehearsal robot"}
EPISODES_NOTE = (
    "Interval over episodes: for these checkpoints in other episodes (bootstrap). Interval over checkpoints: for other"
    " checkpoints of the same kind (Fisher's transformation); it needs more than three checkpoints."
)
VIOLATION_NOTE = (
    "Mean maximum rank violation (Li et al. 2024): the largest loss of success on the rehearsal robot from choosing"
    " between two checkpoints by simulation; mean over checkpoints. 0 is best."
)


def write_correlation_report(result: CorrelationResult, command: str) -> Path:
    """Write `correlation.png` and `report.html` to the run's folder; returns the page's path.

    Args:
        command: the command line.

    Raises:
        OSError: the disk does not take it.
    """
    names, config = short_names(result.config.checkpoints), result.config
    rates = dict(zip(names, zip(*(result.rates[side] for side in SIDES), strict=True), strict=True))
    figure = correlation_plot(rates, *SIDE_NAMES.values())
    write_plot(result.folder / "correlation.png", figure)
    title = f"{result.task}: simulation and the rehearsal robot"
    page = Report(title, "How well simulation predicts the rehearsal robot, over checkpoints")
    coefficients = f"Pearson {result.correlation.pearson}, Spearman {result.correlation.spearman}"
    points = f"{100 * result.correlation.rank_violation:.1f} points"
    page.text(f"{coefficients}, mean maximum rank violation {points}.", lead=True)
    page.figure(figure, f"Success of each checkpoint, {config.episodes} episodes a side; bars: 95 % Wilson intervals.")
    page.table(*rate_table(result)).table(*coefficient_table(result), note=EPISODES_NOTE).text(VIOLATION_NOTE)
    page.text("The rehearsal robot is a simulated stand-in with its own appearance, sensor and dynamics.")
    page.provenance(command, config.seed, checkpoints=", ".join(map(str, result.checkpoints)))
    page.write(result.folder / "report.html")
    return result.folder / "report.html"


def title_line(result: CorrelationResult) -> str:
    """Return what was evaluated, and where."""
    count = f"{len(result.checkpoints)} checkpoints, {result.config.episodes} episodes each"
    return f"{result.task}: {count} in {PLACES['sim']} and on {PLACES['rehearsal']}"


def violation_line(result: CorrelationResult) -> str:
    """Return the mean maximum rank violation, in words."""
    return f"mean maximum rank violation: {100 * result.correlation.rank_violation:.1f} points of success"


def rate_table(result: CorrelationResult) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row per checkpoint: its success on both sides."""
    names, rates = short_names(result.config.checkpoints), result.rates
    rows = [list(row) for row in zip(names, *(rates[side] for side in SIDES), strict=True)]
    return ["checkpoint", *SIDE_NAMES.values()], rows


def coefficient_table(result: CorrelationResult) -> tuple[list[str], list[list[str]]]:
    """Return a header and a row per coefficient."""
    coefficients = {"Pearson": result.correlation.pearson, "Spearman": result.correlation.spearman}
    header = ["correlation", "value", "95 % over episodes", "95 % over checkpoints"]
    return header, [[name, str(value), *_intervals(value)] for name, value in coefficients.items()]


def _intervals(coefficient: Coefficient) -> list[str]:
    pairs = (coefficient.over_episodes, coefficient.over_checkpoints)
    return ["–" if math.isnan(low) else f"{low:.2f} … {high:.2f}" for low, high in pairs]
