"""The report page of a sensor ladder, and the table that its command prints, too."""

from pathlib import Path
from typing import Any

from sim2real.reports.lines import interval_note
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.plots.charts import curve_plot
from sim2real.statistics.agreement import METRIC_NAMES
from sim2real.transfer.ladder import Ladder
from sim2real.transfer.rungs import Behind, Rung

HEADER = ["camera in simulation", "frames", "candidate", "correlation", "MAE", "gain-free error", ""]


def ladder_rows(ladder: Ladder) -> list[list[Any]]:
    """Return a row per rung, number of frames and candidate, for `HEADER`."""
    return [row for rung in ladder.rungs for row in _rows(rung)]


def ladder_note(ladder: Ladder) -> str:
    """Return a note on the intervals, and on the use of the test frames."""
    first = ladder.rungs[0]
    agreement, behind = first.outcome.agreement, next(iter(first.behind.values()))
    assert agreement is not None
    text = f"{interval_note(agreement.units)} `auto` chose its plan on the training frames."
    if behind.difference is None:
        return f"{text} It cannot be compared with the best plan, as the test recordings cannot be divided."
    best = f"It is compared with the best plan on {behind.chosen_on}"
    return f"{text} {best}; the comparison uses the other {behind.compared_on}."


def write_ladder_report(path: Path, ladder: Ladder, command: str) -> None:
    """Write the page of a ladder.

    Args:
        command: the command line that made it.
    """
    config = ladder.config
    subtitle = f"learned from {Path(config.dataset).name}, judged on {Path(config.test).name}"
    report = Report("The sensor ladder", subtitle)
    report.text(
        "Policies were pretrained in simulation with a camera like the real one and with increasingly wrong ones; each "
        "was then adapted by several plans on a few recorded frames. Zero-shot, gain and scratch are the controls."
    )
    report.table(HEADER, ladder_rows(ladder), f"{ladder_note(ladder)} {METRIC_NOTE}")
    for rung in ladder.rungs:
        report.heading(rung.name)
        comparisons = rung.outcome.comparisons
        assert rung.outcome.agreement is not None
        metric = rung.outcome.agreement.criterion
        curves = {name: {c.frames: c.estimates[name][metric] for c in comparisons} for name in comparisons[0].estimates}
        report.figure(curve_plot(curves, metric), f"{METRIC_NAMES[metric]} against frames; smaller is better.")
    smoothing = f"± {ladder.smoothing:g} s"
    report.provenance(command, 0, seeds=config.seeds, smoothing=smoothing).write(path)


def _rows(rung: Rung) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for comparison in rung.outcome.comparisons:
        n = comparison.frames
        for name, figures in comparison.estimates.items():
            mark = f"auto ({_beside(rung.behind[n])})" if name == rung.chosen[n] else ""
            rows.append([rung.name, str(n), name, *(figures[m] for m in figures if m != "rmse"), mark])
    return rows


def _beside(behind: Behind) -> str:
    """Return how the plan that `auto` chose compares with the best one, in words."""
    difference = behind.difference
    if difference is None or difference.low is None or difference.high is None:
        return "too few units to compare"
    clear = "worse than" if difference.low > 0 else "better than" if difference.high < 0 else "not shown to differ from"
    return f"{clear} {behind.best}"
