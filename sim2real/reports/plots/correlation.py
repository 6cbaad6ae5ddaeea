"""Plot of the success of checkpoints in simulation and on a robot."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure
from sim2real.statistics.rates import Rate


def correlation_plot(rates: Mapping[str, tuple[Rate, Rate]], xlabel: str, ylabel: str) -> Figure:
    """Plot success on a robot against success in simulation, with 95 % Wilson intervals.

    Args:
        rates: rates in simulation and on the robot, by the checkpoint's name.
        xlabel, ylabel: labels of the axes.
    """
    figure, axes = new_figure(width=7.2, height=4.2)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.1, linestyle=(0, (4, 3)), label="equal", zorder=1)
    for k, (name, (x, y)) in enumerate(rates.items()):
        colour = COLOURS[k % len(COLOURS)]
        axes.hlines(y.value, x.low, x.high, color=colour, linewidth=2.4, alpha=0.35)
        axes.vlines(x.value, y.low, y.high, color=colour, linewidth=2.4, alpha=0.35)
        text = (name if len(name) <= 30 else f"…{name[-29:]}").replace("$", r"\$")
        axes.plot(x.value, y.value, "o", color=colour, markersize=7, label=text, clip_on=False, zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(f"success {xlabel}", fontsize=9.5, color=INK)
    axes.set_ylabel(f"success {ylabel}", fontsize=9.5, color=INK)
    figure.legend(loc="outside right upper", fontsize=8.5, frameon=False, labelcolor=INK)
    return figure
