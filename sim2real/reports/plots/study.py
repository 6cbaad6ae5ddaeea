"""Plots of a study."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure, new_grid

ASIDE = 0.08  # between the arms of one width, in places


def changes_plot(
    arms: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], reference: str = "separate"
) -> Figure:
    """Draw a panel per task: by width, each arm's change of the error against the reference [%].

    Args:
        arms: by width and arm: "change" by task, each an estimate as JSON.
        names: arms in words.
    """
    widths = list(arms)
    shown = {arm: COLOURS[k] for k, arm in enumerate(names) if arm != reference}
    tasks = list(arms[widths[0]][reference]["change"])
    figure, (row,) = new_grid(1, len(tasks), 10.5, 3.6)
    for axes, task in zip(row, tasks, strict=True):
        axes.axhline(0, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        for k, (arm, colour) in enumerate(shown.items()):
            changes = [arms[width][arm]["change"][task] for width in widths]
            places = [x + ASIDE * (k - (len(shown) - 1) / 2) for x in range(len(widths))]
            axes.plot(places, [100 * each["value"] for each in changes], "-o", color=colour, markersize=5)
            for x, each in zip(places, changes, strict=True):
                if each["low"] is not None:
                    axes.vlines(x, 100 * each["low"], 100 * each["high"], color=colour, linewidth=2.5, alpha=0.4)
        axes.set_xticks(range(len(widths)), widths)
        axes.set_xlim(-0.4, len(widths) - 0.6)
        axes.set_title(task, fontsize=10.5, color=INK, loc="left")
        axes.set_xlabel("width", fontsize=9.5, color=INK)
    row[0].set_ylabel("change of the error [%]", fontsize=9.5, color=INK)
    for arm, colour in shown.items():
        row[0].plot([], [], "-o", color=colour, markersize=5, label=names[arm])
    figure.legend(loc="outside upper center", ncols=len(shown), frameon=False, fontsize=9, labelcolor=INK)
    return figure


def driven_plot(driven: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> Figure:
    """Draw each arm's success rate [%] with its interval, by width."""
    figure, axes = new_figure(height=3.2)
    widths = list(driven)
    for k, (arm, name) in enumerate(names.items()):
        places = [x + ASIDE * (k - (len(names) - 1) / 2) for x in range(len(widths))]
        rates = [driven[width][arm]["success"] for width in widths]
        axes.plot(places, [100 * each["value"] for each in rates], "o", color=COLOURS[k], markersize=6, label=name)
        for x, each in zip(places, rates, strict=True):
            axes.vlines(x, 100 * each["low"], 100 * each["high"], color=COLOURS[k], linewidth=2.5, alpha=0.4)
    axes.set_xticks(range(len(widths)), [f"width {width}" for width in widths])
    axes.set_xlim(-0.5, len(widths) - 0.5)
    axes.set_ylim(-3, 103)
    axes.set_ylabel("success [%]", fontsize=9.5, color=INK)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    return figure
