"""Plots of a study's parts on transfer; all estimates are as JSON: value, low, high."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from sim2real.reports.plots.charts import COLOURS, INK, new_grid
from sim2real.statistics.agreement import METRIC_NAMES

MARKS = "osD^vPX*<>"
DASHED = (0, (4, 3))
APART = 1.05  # factor between the curves' places on a logarithmic axis, so that intervals do not overlap
GAIN = "gain"


def similarity_plot(places: Sequence[Mapping[str, Any]], adviser: str = "auto") -> Figure:
    """Draw a panel per cell: each candidate's error against the number of frames, a ring around what `auto` chose.

    Zero-shot with its gain is a dashed line, since the number of frames hardly matters to it.

    Args:
        places: as `Place.to_dict`.
    """
    cells = list(dict.fromkeys(place["cell"] for place in places))
    figure, (row,) = new_grid(1, len(cells), 2.2 + 3.1 * len(cells), 4.6)
    names = [name for name in places[0]["errors"] if name not in ("zero-shot", GAIN)]
    for axes, cell in zip(row, cells, strict=True):
        here = [place for place in places if place["cell"] == cell]
        counts = [place["frames"] for place in here]
        gain = [place["errors"][GAIN]["value"] for place in here]
        axes.plot(counts, gain, color=INK, linewidth=1.3, linestyle=DASHED)
        for x, place, value in zip(counts, here, gain, strict=True):
            if GAIN in place["advice"][adviser]:
                _ring(axes, x, value)
        for k, name in enumerate(names):
            xs = [count * APART ** (k - (len(names) - 1) / 2) for count in counts]
            _curve(axes, xs, [place["errors"][name] for place in here], k)
            for x, place in zip(xs, here, strict=True):
                if name in place["advice"][adviser]:
                    _ring(axes, x, place["errors"][name]["value"])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="y", which="minor", labelsize=8, colors=INK)
        _counts(axes, counts, "frames learned from")
        axes.set_title(cell, fontsize=10.5, color=INK, loc="left")
    row[0].set_ylabel(f"{METRIC_NAMES[places[0]['metric']]} (lower is better)", fontsize=9.5, color=INK)
    for k, name in enumerate(names):
        row[0].plot([], [], f"-{MARKS[k]}", color=COLOURS[k % len(COLOURS)], markersize=5, label=name)
    row[0].plot([], [], color=INK, linestyle=DASHED, label="zero-shot + gain")
    row[0].plot([], [], "o", markersize=11, markerfacecolor="none", markeredgecolor=INK, label=f"chosen by {adviser}")
    return _legend(figure, 5)


def depth_plot(
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    untrained: Mapping[str, Mapping[str, Any]],
    metric: str,
) -> Figure:
    """Draw a panel per cell: the error against the number of trained stages, lowest and highest ones.

    Args:
        curves: by cell and by which stages are trained; one entry per number of trained stages.
        untrained: by cell, the error without training.
    """
    figure, (row,) = new_grid(1, len(curves), 1.6 + 3.4 * len(curves), 3.9)
    words = {"lowest": "lowest stages, from the image up", "highest": "highest stages, from the head down"}
    for axes, (cell, each) in zip(row, curves.items(), strict=True):
        for k, (which, points) in enumerate(each.items()):
            xs = [x + 0.08 * (k - 0.5) for x in range(len(points))]
            _curve(axes, xs, [point["error"] for point in points], k, words[which])
        axes.set_xticks(range(len(next(iter(each.values())))))
        axes.set_xlabel("stages trained, beside the head", fontsize=9.5, color=INK)
        # A line would flatten the curves where the pretrained policy sees nothing.
        title = f"{cell} (untrained: {untrained[cell]['value']:.3f})"
        axes.set_title(title, fontsize=10.5, color=INK, loc="left")
    row[0].set_ylabel(f"{METRIC_NAMES[metric]} (lower is better)", fontsize=9.5, color=INK)
    return _legend(figure, 2)


def rates_plot(places: Sequence[Mapping[str, Any]], metric: str) -> Figure:
    """Draw a panel per cell: the error against the learning rate, from scratch and of copied weights.

    Args:
        places: "cell", "frames", the errors from "scratch" and of "copied" weights by rate, and of the "untrained".
    """
    cells = list(dict.fromkeys(place["cell"] for place in places))
    figure, (row,) = new_grid(1, len(cells), 2.6 + 3.4 * len(cells), 3.9)
    for axes, cell in zip(row, cells, strict=True):
        here = [place for place in places if place["cell"] == cell]
        rates = sorted(map(float, here[0]["copied"]))
        for k, place in enumerate(here):
            for j, weights in enumerate(("copied", "scratch")):
                curve = 2 * k + j
                xs = [rate * APART ** (curve - len(here) + 0.5) for rate in rates]
                errors = [place[weights][f"{rate:g}"] for rate in rates]
                _curve(axes, xs, errors, curve, f"{weights}, {place['frames']:,} frames")
        axes.axhline(here[0]["untrained"]["value"], color=INK, linewidth=1.3, linestyle=DASHED, label="untrained")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="y", which="minor", labelsize=8, colors=INK)
        _counts(axes, rates, "learning rate, as a multiple of that of the plan scratch")
        axes.set_title(cell, fontsize=10.5, color=INK, loc="left")
    row[0].set_ylabel(f"{METRIC_NAMES[metric]} (lower is better)", fontsize=9.5, color=INK)
    return _legend(figure, 3)


def _curve(
    axes: Axes, xs: Sequence[float], estimates: Sequence[Mapping[str, Any]], k: int, label: str | None = None
) -> None:
    """Draw a line through estimates, with their 95 % intervals."""
    colour = COLOURS[k % len(COLOURS)]
    values = [each["value"] for each in estimates]
    axes.plot(xs, values, f"-{MARKS[k % len(MARKS)]}", color=colour, linewidth=1.6, markersize=5, label=label)
    for x, each in zip(xs, estimates, strict=True):
        if each["low"] is not None:
            axes.vlines(x, each["low"], each["high"], color=colour, linewidth=2.5, alpha=0.35)


def _ring(axes: Axes, x: float, y: float) -> None:
    axes.plot(x, y, "o", markersize=13, markerfacecolor="none", markeredgecolor=INK)


def _counts(axes: Axes, at: Sequence[float], label: str) -> None:
    """Make the axis logarithmic, with a tick at each of these numbers."""
    axes.set_xscale("log")
    axes.set_xticks(list(at), [f"{each:,g}" for each in at])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label, fontsize=9.5, color=INK)


def _legend(figure: Figure, columns: int) -> Figure:
    """Put one legend for all panels above them."""
    axes = figure.axes
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False, fontsize=9, labelcolor=INK)
    return figure
