"""Plots of a session on a robot: outcomes in the order in which they happened, and intervals that narrow."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure, new_grid
from sim2real.robots.loop import ABORTED, FAILURE, SUCCESS
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.statistics.sequential import ConfidenceSequence, SequentialDifference

_MARKS = {SUCCESS: ("o", COLOURS[0], 34), FAILURE: ("X", COLOURS[1], 42), ABORTED: ("s", FAINT, 26)}
_OTHER = ("D", FAINT, 22)  # marker, colour, size; faint ones are not filled


def outcomes_plot(rows: Mapping[str, Sequence[tuple[int, str]]], other: str) -> Figure:
    """Draw a row per policy with its episodes.

    Args:
        rows: by the policy's name, (place in the order, label or `other`) of each episode.
        other: what else than success, failure and aborted an episode can be.
    """
    figure, axes = new_figure(9.5, 1.1 + 0.42 * len(rows))
    for kind, (marker, colour, size) in {**_MARKS, other: _OTHER}.items():
        marked = [(place + 1, y) for y, row in enumerate(rows.values()) for place, label in row if label == kind]
        face = "none" if colour == FAINT else colour
        x, y = np.array(marked, float).reshape(-1, 2).T
        axes.scatter(x, y, s=size, marker=marker, facecolor=face, edgecolor=colour, linewidths=1, label=kind)
    axes.set_yticks(range(len(rows)), [_short(name) for name in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(False, axis="y")
    _episodes_below(axes, "episode, in the order in which they happened")
    _legend(axes, 4)
    return figure


def rates_plot(sequences: Mapping[str, tuple[ConfidenceSequence, Rate]]) -> Figure:
    """Draw each policy's success rate after every episode with its running interval, and Wilson's at the end."""
    figure, grid = new_grid(1, len(sequences), 9.5 if len(sequences) > 1 else 7.2, 3.2)
    for k, (axes, (name, (sequence, wilson))) in enumerate(zip(grid[0], sequences.items(), strict=True)):
        _band(axes, sequence, COLOURS[k % len(COLOURS)])
        last = len(sequence.value)
        axes.errorbar(
            *(last + max(1.0, 0.03 * last), wilson.value),
            yerr=[[wilson.value - wilson.low], [wilson.high - wilson.value]],
            **{"fmt": "none", "color": INK, "capsize": 3, "linewidth": 1.4, "label": "Wilson, at the end"},
        )
        axes.set_ylim(-0.03, 1.03)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.set_title(_short(name), fontsize=10.5, color=INK, loc="left", pad=22)
        _episodes_below(axes, "counted episode")
        if not k:
            _legend(axes, 3)
    return figure


def difference_plot(result: SequentialDifference, fixed: RateDifference) -> Figure:
    """Draw the paired difference after every scene with its running interval, and Newcombe's at the end."""
    figure, axes = new_figure(7.2, 3.2)
    axes.axhline(0, color=INK, linewidth=1)
    _band(axes, result.sequence, COLOURS[2])
    last = len(result.evidence)
    axes.errorbar(
        *(last + max(1.0, 0.03 * last), fixed.value),
        yerr=[[fixed.value - fixed.low], [fixed.high - fixed.value]],
        **{"fmt": "none", "color": INK, "capsize": 3, "linewidth": 1.4, "label": "Newcombe, at the end"},
    )
    if result.settled is not None:
        axes.axvline(result.settled, color=COLOURS[1], linewidth=1.2, linestyle=":", label="decided")
    axes.set_ylim(-1.03, 1.03)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["−100", "−50", "0", "+50", "+100"])
    axes.set_ylabel("difference [points]", fontsize=9.5, color=INK)
    _episodes_below(axes, "scene that counts for both")
    _legend(axes, 4)
    return figure


def _band(axes: Axes, sequence: ConfidenceSequence, colour: str) -> None:
    count = np.arange(1, len(sequence.value) + 1)
    low, high = sequence.low, sequence.high
    axes.fill_between(count, low, high, color=colour, alpha=0.2, linewidth=0, step="mid", label="holds at every look")
    axes.plot(count, sequence.value, color=colour, linewidth=1.6, label="so far")


def _episodes_below(axes: Axes, label: str) -> None:
    axes.set_xlim(left=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel(label, fontsize=9.5, color=INK)


def _short(text: str) -> str:
    return (text if len(text) <= 34 else f"…{text[-33:]}").replace("$", r"\$")


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=columns, frameon=False, fontsize=9, labelcolor=INK)
