"""The plot of a transfer matrix: every candidate's error in every cell."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure
from sim2real.transfer.gate import CALLED, unjudged
from sim2real.transfer.matrix import Cell

MARKS = "osD^vPX"


def matrix_plot(cells: Mapping[str, Cell]) -> Figure:
    """Draw a row per cell with each candidate's error relative to the reference's, and a ring around the chosen one."""
    names = list(dict.fromkeys(name for cell in cells.values() for name in cell.errors))
    figure, axes = new_figure(8.6, 1.4 + 0.34 * len(cells))
    axes.axvline(1.0, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    for y, cell in enumerate(cells.values()):
        reference = cell.errors[unjudged(cell.metric)].value
        for k, name in enumerate(names):
            if name in cell.errors:
                at = cell.errors[name].value / reference
                axes.plot(at, y, MARKS[k % len(MARKS)], color=COLOURS[k % len(COLOURS)], markersize=6, alpha=0.85)
        chosen = cell.errors[cell.chosen].value / reference
        axes.plot(chosen, y, "o", markersize=13, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.3)
    for k, name in enumerate(names):
        axes.plot([], [], MARKS[k % len(MARKS)], color=COLOURS[k % len(COLOURS)], label=name)
    axes.plot([], [], "o", markersize=10, markerfacecolor="none", markeredgecolor=INK, label="chosen by auto")
    axes.set_xscale("log")
    ticks = [0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0]
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low <= tick <= high], minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(cells)), list(cells))
    axes.set_ylim(len(cells) - 0.5, -0.5)
    references = {CALLED.get(name, name) for name in (unjudged(cell.metric) for cell in cells.values())}
    label = f"error relative to {' or '.join(sorted(references))} (lower is better)"
    axes.set_xlabel(label, fontsize=9.5, color=INK)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=4, frameon=False, fontsize=9, labelcolor=INK)
    return figure
