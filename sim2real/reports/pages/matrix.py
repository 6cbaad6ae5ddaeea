"""The page of a transfer matrix, and the table that its command prints, too."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.plots.matrix import matrix_plot
from sim2real.statistics.agreement import METRIC_NAMES
from sim2real.transfer.matrix import Cell, Matrix


def cell_names(cells: Sequence[Cell]) -> list[str]:
    """Return the cells' names: policy, recording and number of frames; complete paths where their last parts agree."""
    short = _names(cells, lambda path: Path(path).name)
    return short if len(set(short)) == len(cells) else _names(cells, str)


def _names(cells: Sequence[Cell], named: Callable[[str], str]) -> list[str]:
    places = [" → ".join(map(named, cell.recording.split(","))) for cell in cells]
    return [f"{named(cell.policy)}, {place}, {cell.frames}" for cell, place in zip(cells, places, strict=True)]


def matrix_table(matrix: Matrix, intervals: bool = True) -> tuple[list[str], list[list[Any]]]:
    """Return the header, and a row per cell with the error of every candidate, with or without its interval."""
    names = list(dict.fromkeys(name for cell in matrix.cells for name in cell.errors))
    header = ["policy, recording, frames", "chosen by auto", "handed out", "regret", "scratch needs", *names]
    titles = cell_names(matrix.cells)
    return header, [
        _row(matrix, cell, names, title, intervals) for cell, title in zip(matrix.cells, titles, strict=True)
    ]


def matrix_lines(matrix: Matrix) -> list[str]:
    """Return the summary: mean and worst regret, cells that were handed a blind policy, and what was judged."""
    metrics, cells = matrix.metrics, matrix.cells
    kinds = ", ".join(dict.fromkeys(METRIC_NAMES[cell.metric] for cell in cells))
    mean, worst, mean_output, worst_output = (
        f"{100 * metrics[name]:.1f} %"
        for name in ("mean_regret", "worst_regret", "mean_output_regret", "worst_output_regret")
    )
    lines = [
        f"Errors on test frames ({kinds}); regret of the candidate that `auto` chose on the learning frames: mean "
        f"{mean}, worst {worst} of {len(cells)} cells; of what was handed out after the gate had seen the test frames: "
        f"mean {mean_output}, worst {worst_output}."
    ]
    blind = [name for cell, name in zip(cells, cell_names(cells), strict=True) if cell.blind]
    if blind:
        lines.append(f"Chosen although it may see nothing, while another candidate sees: {'; '.join(blind)}.")
    units = dict.fromkeys(f"{Path(cell.recording.rpartition(',')[2]).name}: {cell.unit}" for cell in cells)
    return [*lines, f"Judged over {'; '.join(units)}."]


def write_matrix_report(path: Path, matrix: Matrix, command: str) -> None:
    """Write the page of a matrix.

    Args:
        command: the command line that made it.
    """
    summary, *notes = matrix_lines(matrix)
    report = Report("Where adapting helps", f"{len(matrix.cells)} adaptations")
    report.text(summary, lead=True)
    report.figure(
        matrix_plot(dict(zip(cell_names(matrix.cells), matrix.cells, strict=True))),
        "Error of each candidate on the test frames, relative to zero-shot with the best-fitting gain (or zero-shot, "
        "where units are known); left is better. The ring marks what `auto` chose before it saw the test frames.",
    )
    header, rows = matrix_table(matrix)
    report.table(header, rows, " ".join([*notes, METRIC_NOTE]))
    report.text(
        "`Scratch needs` is the number of frames with which training from scratch reaches the chosen candidate's "
        "error, interpolated between the numbers that were tried: `more` if it never did, `fewer` if it did with the "
        "fewest frames that were tried."
    )
    report.provenance(command, 0, seeds=matrix.config.seeds).write(path)


def _row(matrix: Matrix, cell: Cell, names: list[str], title: str, intervals: bool) -> list[Any]:
    needed = matrix.frames_of_scratch(cell)
    words = "fewer" if needed is None else "more" if math.isinf(needed) else f"{needed:.0f}"
    errors = [cell.errors.get(name) for name in names]
    figures = [error if intervals or error is None else f"{error.value:.3f}" for error in errors]
    return [title, cell.chosen, cell.output, f"{100 * cell.regret:.1f} %", words, *figures]
