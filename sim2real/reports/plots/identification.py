"""Plots of an identification: replays against a log, errors per joint, parameters with their intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from sim2real.identification.judge import Judgement
from sim2real.identification.result import UNITS
from sim2real.identification.servos import IdentifiedServos
from sim2real.recordings.arm_logs import Log
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_figure, new_grid

COLUMNS = 2
LOGARITHMIC = ("gain", "damping", "friction", "armature", "torque")


def _panels(count: int, width: float, height: float, columns: int = COLUMNS) -> tuple[Figure, list]:
    """Return axes of the common style in rows and columns; height [inches] of a row."""
    rows = -(-count // columns)
    figure, rows_of_axes = new_grid(rows, columns, width, height * rows)
    grid = [axes for row in rows_of_axes for axes in row]
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, grid[:count]


def divergence_plot(
    log: Log, replays: Mapping[str, np.ndarray], joints: Sequence[str], fps: float, commands: bool = True
) -> Figure:
    """Draw each joint [rad] over an episode: the log, and replays (T, J) of its commands."""
    figure, grid = _panels(len(joints), 9.5, 2.3)
    time = np.arange(len(log)) / fps
    for j, (axes, joint) in enumerate(zip(grid, joints, strict=True)):
        if commands:
            axes.plot(time, log.command[:, j], color=FAINT, linewidth=1, linestyle=(0, (3, 2)), label="command")
        axes.plot(time, log.state[:, j], color=INK, linewidth=2.2, label="log")
        for k, (name, angles) in enumerate(replays.items()):
            axes.plot(time, angles[:, j], color=COLOURS[(1, 0, 2)[k % 3]], linewidth=1.4, label=name)
        axes.set_title(joint, fontsize=10, color=INK, loc="left")
        axes.set_xlim(0, time[-1])
        if j >= len(joints) - COLUMNS:
            axes.set_xlabel("time [s]", fontsize=9.5, color=INK)
        if j % COLUMNS == 0:
            axes.set_ylabel("rad", fontsize=9.5, color=INK)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=5, frameon=False, fontsize=9, labelcolor=INK)
    return figure


def rmse_plot(servos: IdentifiedServos, judgement: Judgement) -> Figure:
    """Draw the RMSE [rad] on held-out episodes: a pair of bars per joint, with intervals over episodes."""
    names = [*servos.joints, "all joints"]
    figure, axes = new_figure(width=8.2, height=0.9 + 0.5 * len(names))
    errors_of = {"published": (judgement.before, COLOURS[1]), "identified": (judgement.after, COLOURS[0])}
    widest = 0.0
    for k, (label, (errors, colour)) in enumerate(errors_of.items()):
        rows = [*([j] for j in range(len(servos.joints))), slice(None)]
        values = [errors.estimate(row) for row in rows]
        at = np.arange(len(names)) + (k - 0.5) * 0.38
        axes.barh(at, [v.value for v in values], height=0.34, color=colour, label=label)
        for y, v in zip(at, values, strict=True):
            end = v.value if v.high is None else v.high
            if v.low is not None and v.high is not None:
                axes.plot([v.low, v.high], [y, y], color=INK, linewidth=1)
            widest = max(widest, end)
            axes.annotate(f"{v.value:.3f}", (end, y), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    axes.set_xlim(0, 1.12 * widest)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.set_xlabel("open-loop RMSE on held-out episodes [rad]", fontsize=9.5, color=INK)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    return figure


def parameters_plot(servos: IdentifiedServos) -> Figure:
    """Draw each servo parameter of each joint with its 95 % interval; hollow if it is not from this log."""
    names = [name for name in UNITS if any(name in servo for servo in servos.parameters.values())]
    figure, grid = _panels(len(names), 9.5, 0.75 + 0.22 * len(servos.joints), columns=3)
    for column, (axes, name) in enumerate(zip(grid, names, strict=True)):
        shown = []
        for y, servo in enumerate(servos.parameters.values()):
            if name not in servo:
                continue
            parameter = servo[name]
            shown += [parameter.value, parameter.low, parameter.high]
            if parameter.low is not None and parameter.high is not None:
                axes.plot([parameter.low, parameter.high], [y, y], color=COLOURS[0], linewidth=3, alpha=0.45,
                          solid_capstyle="round")  # fmt: skip
            fill = COLOURS[0] if parameter.identifiable else "white"
            axes.plot(parameter.value, y, "o", markersize=5.5, markerfacecolor=fill, markeredgecolor=COLOURS[0])
        known = np.array([v for v in shown if v is not None and v > 0])
        if name in LOGARITHMIC and len(known) and known.max() > 12 * known.min():
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_title(f"{name} [{UNITS[name]}]", fontsize=9.5, color=INK, loc="left")
        axes.set_yticks(range(len(servos.joints)), servos.joints if column % 3 == 0 else [""] * len(servos.joints))
        axes.set_ylim(len(servos.joints) - 0.5, -0.5)
        axes.grid(False, axis="y")
        axes.tick_params(labelsize=8)
    return figure
