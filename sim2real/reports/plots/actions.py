"""Plots of one or several actions: recorded and predicted."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_grid, scatter_plot, series_plot

ACROSS = 3  # number of plots in a row


def actions_scatter(
    actual: np.ndarray, predicted: np.ndarray, names: Sequence[str], gains: np.ndarray | None = None
) -> Figure:
    """Plot recorded against predicted actions, (n, J) each, with a plot per action.

    Args:
        gains: (J, 2) gain and offset of the best-fitting lines.
    """
    if len(names) == 1:
        gain = None if gains is None else (float(gains[0, 0]), float(gains[0, 1]))
        return scatter_plot(actual[:, 0], predicted[:, 0], gain, names[0])
    rows = -(-len(names) // ACROSS)
    figure, grid = new_grid(rows, ACROSS, 3.1 * ACROSS, 3.2 * rows)
    both = np.concatenate([actual, predicted])
    reach = 1.05 * max(float(np.nanmax(np.abs(both))), 1e-3)
    line = np.array([-reach, reach])
    for j, axes in enumerate(_all(grid)):
        if j >= len(names):
            axes.set_axis_off()
            continue
        axes.scatter(predicted[:, j], actual[:, j], s=4, alpha=0.25, color=COLOURS[0], linewidths=0, rasterized=True)
        axes.plot(line, line, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
        fitted = ""
        if gains is not None:
            axes.plot(line, gains[j, 0] * line + gains[j, 1], color=COLOURS[1], linewidth=1.6)
            fitted = f"   × {gains[j, 0]:.2f} {'−' if gains[j, 1] < 0 else '+'} {abs(gains[j, 1]):.3f}"
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.set_title(names[j] + fitted, fontsize=9.5, color=INK, loc="left")
        axes.set_xlabel("predicted" if j + ACROSS >= len(names) else "", fontsize=9, color=INK)
        axes.set_ylabel("as recorded" if j % ACROSS == 0 else "", fontsize=9, color=INK)
    return figure


def actions_series(time: np.ndarray, series: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Plot values (n, J) over time (n,) [s], with a line per series and a plot per action."""
    if len(names) == 1:
        return series_plot(time, {who: values[:, 0] for who, values in series.items()}, ylabel=names[0])
    rows = -(-len(names) // 2)
    figure, grid = new_grid(rows, 2, 9.4, 0.5 + 1.6 * rows)
    for j, axes in enumerate(_all(grid)):
        if j >= len(names):
            axes.set_axis_off()
            continue
        for (who, values), colour in zip(series.items(), COLOURS, strict=False):
            axes.plot(time, values[:, j], color=colour, linewidth=1.4, label=who)
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.set_title(names[j], fontsize=9.5, color=INK, loc="left")
        axes.set_xlabel("time [s]" if j + 2 >= len(names) else "", fontsize=9, color=INK)
        if len(time) > 1:
            axes.set_xlim(float(np.min(time)), float(np.max(time)))
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def _all(grid: Sequence[Sequence[Axes]]) -> list[Axes]:
    return [axes for row in grid for axes in row]
