# pyright: reportArgumentType=false
"""Plots for reports, in a common plain style; matplotlib's global state is not used."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from sim2real.files import replaced_file
from sim2real.statistics.agreement import METRIC_NAMES, Estimate

# Distinguishable with colour blindness (Okabe & Ito 2008, darkened for a white page).
COLOURS = ("#0b6aa8", "#d55e00", "#00875f", "#a34f86", "#8a6d00", "#3f97c9", "#555555")
INK, FAINT, LINES = "#2b2f36", "#9aa1ab", "#e4e7eb"


def new_figure(width: float = 7.2, height: float = 3.4) -> tuple[Figure, Axes]:
    """Make an empty plot of a size [inches] in the common style."""
    figure, axes = new_grid(1, 1, width, height)
    return figure, axes[0][0]


def new_grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[list[Axes]]]:
    """Make rows of empty plots of a total size [inches] in the common style."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = [[figure.add_subplot(rows, columns, r * columns + c + 1) for c in range(columns)] for r in range(rows)]
    for axes in (each for row in grid for each in row):
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("bottom", "left"):
            axes.spines[side].set_color(FAINT)
        axes.tick_params(colors=INK, labelsize=9, length=3)
        axes.grid(True, color=LINES, linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, grid


def write_plot(path: Path, figure: Figure) -> None:
    """Write a plot as PNG; raises OSError as `replaced_file`."""
    with replaced_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def intervals_plot(rows: Mapping[str, Estimate], metric: str, reference: str | None = None) -> Figure:
    """Draw each candidate's value with its 95 % interval, one below the other.

    Args:
        rows: estimates by the candidate's name; without an interval only the value is drawn.
        reference: candidate whose value is marked by a line.
    """
    figure, axes = new_figure(height=1.0 + 0.36 * max(len(rows), 1))
    ends = [end for row in rows.values() for end in (row.value, row.low, row.high) if _known(end)]
    if reference in rows and _known(rows[reference].value):
        axes.axvline(rows[reference].value, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    for y, row in enumerate(rows.values()):
        if not _known(row.value):
            continue
        if _known(row.low) and _known(row.high):
            axes.plot([row.low, row.high], [y, y], color=COLOURS[0], linewidth=3, alpha=0.45, solid_capstyle="round")
        axes.plot(row.value, y, "o", color=COLOURS[0], markersize=7)
    if ends:
        room = 0.06 * (max(ends) - min(ends) or 0.1)
        axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    right = axes.get_yaxis_transform()
    for y, row in enumerate(rows.values()):
        axes.text(1.02, y, str(row).replace("nan", "–"), transform=right, va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(rows)), [_short(name) for name in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False, axis="y")
    _labels(axes, _better(metric), "")
    return figure


def curve_plot(
    candidates: Mapping[str, Mapping[int, Estimate]],
    metric: str,
) -> Figure:
    """Draw a metric against the number of frames (logarithmic), a line with 95 % intervals per candidate.

    Args:
        candidates: estimates by name and number of frames.
    """
    figure, axes = new_figure(height=4.0)
    counts = sorted({n for curve in candidates.values() for n in curve})
    for k, (name, curve) in enumerate(candidates.items()):
        numbers = np.array(sorted(curve), float)
        values = np.array([curve[int(n)].value for n in numbers])
        aside = numbers * 1.03 ** (k - (len(candidates) - 1) / 2)  # shifted, so that intervals do not overlap
        colour = COLOURS[k % len(COLOURS)]
        axes.plot(aside, values, "-o", color=colour, linewidth=1.8, markersize=5, label=_short(name))
        for x, n in zip(aside, sorted(curve), strict=True):
            if _known(curve[n].low):
                axes.vlines(x, curve[n].low, curve[n].high, color=colour, linewidth=2.5, alpha=0.35)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{n:,}" for n in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    _labels(axes, "recorded frames used for adapting", _better(metric))
    _legend(axes, len(candidates))
    return figure


def bars_plot(values: Mapping[str, float], label: str, highlight: Collection[str] = ()) -> Figure:
    """Draw a horizontal bar per name with its value; highlighted ones in another colour."""
    figure, axes = new_figure(height=0.9 + 0.32 * max(len(values), 1))
    lengths = np.nan_to_num(np.array(list(values.values()), float))
    colours = [COLOURS[1] if name in highlight else COLOURS[0] for name in values]
    axes.barh(range(len(values)), lengths, color=colours, height=0.62)
    low, high = min(0.0, *lengths, 0.0), max(0.0, *lengths, 0.0)
    span = high - low or 1.0
    for y, (length, value) in enumerate(zip(lengths, values.values(), strict=True)):
        left = length < 0
        at = length + (-0.012 if left else 0.012) * span
        axes.text(at, y, f"{value:.3g}", va="center", ha="right" if left else "left", fontsize=9, color=INK)
    axes.set_xlim(low - (0.12 * span if low < 0 else 0), high + 0.12 * span)
    axes.set_yticks(range(len(values)), [_short(name) for name in values])
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.grid(False, axis="y")
    _labels(axes, label, "")
    return figure


def series_plot(
    time: np.ndarray,
    series: Mapping[str, np.ndarray],
    title: str = "",
    ylabel: str = "steering",
    faint: Collection[str] = (),
    marks: Sequence[float] = (),
) -> Figure:
    """Plot values (n,) over time (n,) [s], a line per name; NaN leaves a gap.

    Args:
        faint: names drawn thin and pale, behind the others.
        marks: times [s] marked by a pale line.
    """
    figure, axes = new_figure(width=9.5, height=3.2)
    for at in marks:
        axes.axvline(at, color="#f3c9a5", linewidth=1.2, zorder=0)
    colours = iter(COLOURS * (1 + len(series) // len(COLOURS)))
    for name, values in series.items():
        if name in faint:
            axes.plot(time, values, color=FAINT, linewidth=0.9, alpha=0.8, label=_short(name), zorder=1.5)
        else:
            axes.plot(time, values, color=next(colours), linewidth=1.6, label=_short(name))
    axes.axhline(0, color=FAINT, linewidth=0.8)
    if len(time) > 1:
        axes.set_xlim(float(np.min(time)), float(np.max(time)))
    _labels(axes, "time [s]", ylabel, title)
    _legend(axes, len(series))
    return figure


def scatter_plot(
    actual: np.ndarray, predicted: np.ndarray, gain: tuple[float, float] | None = None, name: str = "steering"
) -> Figure:
    """Plot recorded (n,) against predicted actions (n,).

    Args:
        gain: (gain, offset) of the best-fitting line, actual = gain * predicted + offset.
    """
    figure, axes = new_figure(width=5.2, height=4.8)
    size, alpha = (14, 0.5) if len(actual) < 1000 else (5, 0.25)
    axes.scatter(predicted, actual, s=size, alpha=alpha, color=COLOURS[0], linewidths=0, rasterized=True)
    both = np.concatenate([actual, predicted])
    both = both[np.isfinite(both)]
    reach = 1.05 * float(np.abs(both).max()) if len(both) and np.abs(both).max() > 0 else 1.0
    line = np.array([-reach, reach])
    axes.plot(line, line, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), label="equal")
    if gain is not None:
        text = f"best fit: {gain[0]:.2f} × predicted {'−' if gain[1] < 0 else '+'} {abs(gain[1]):.3f}"
        axes.plot(line, gain[0] * line + gain[1], color=COLOURS[1], linewidth=1.8, label=text)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    _labels(axes, f"{name}, predicted", f"{name}, as recorded")
    _legend(axes, 2)
    return figure


def _known(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def _short(text: str, limit: int = 34) -> str:
    """Shorten a long name, to leave room for the plot, and escape `$`, which would start a formula."""
    return (text if len(text) <= limit else text[: limit - 1] + "…").replace("$", r"\$")


def _better(metric: str) -> str:
    direction = {"correlation": "higher is better"}.get(metric, "lower is better" if metric in METRIC_NAMES else "")
    name = METRIC_NAMES.get(metric, metric)
    return f"{name} ({direction})" if direction else name


def _labels(axes: Axes, x: str, y: str, title: str = "") -> None:
    axes.set_xlabel(x, fontsize=9.5, color=INK)
    axes.set_ylabel(y, fontsize=9.5, color=INK)
    if title:
        axes.set_title(title, fontsize=10.5, color=INK, loc="left")


def _legend(axes: Axes, entries: int) -> None:
    """Put the legend above the plot, where it hides nothing."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1.0), ncols=min(entries, 4), frameon=False, fontsize=9, labelcolor=INK
    )
