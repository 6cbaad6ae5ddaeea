"""What a robot made of a recording's commands: table, figure and page."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sim2real.recordings.arm_logs import Log
from sim2real.reports.page import Report
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_grid
from sim2real.robots.playback import Played, Program

NOTE = (
    "Measured one period after the command was sent, less the command: a servo is late, so the error grows with speed. "
    "The log's own error is that of the robot that was recorded, at the same commands."
)


def tracking(log: Log, program: Program, played: Played) -> dict[str, dict[str, float]]:
    """Per joint: RMSE and largest tracking error [rad], and the RMSE in the log of the same commands."""
    recorded = _recorded(log)
    rows = played.row[played.row >= 0]
    return {
        name: {
            "rmse": float(np.sqrt((played.error[:, j] ** 2).mean())),
            "largest": float(np.abs(played.error[:, j]).max()),
            "rmse_in_log": float(np.sqrt((recorded[rows, j] ** 2).mean())),
        }
        for j, name in enumerate(program.names)
    }


def _recorded(log: Log) -> np.ndarray:
    """(T, J) measured one frame later less commanded; the last frame stands in after itself."""
    return np.concatenate([log.state[1:], log.state[-1:]]) - log.command


def tracking_table(log: Log, program: Program, played: Played) -> tuple[list[str], list[list[Any]]]:
    """Header and a row per joint."""
    rows = [[name, *values.values()] for name, values in tracking(log, program, played).items()]
    return ["joint", "RMSE [rad]", "largest [rad]", "RMSE in the log"], rows


def playback_plot(log: Log, program: Program, played: Played) -> Figure:
    """A plot per joint: what was sent, what was measured, and what had been measured when it was recorded."""
    figure, axes = new_grid(len(program.names), 1, width=9.5, height=0.6 + 1.5 * len(program.names))
    time = (np.arange(len(played.sent)) - int((played.row < 0).sum())) * program.dt
    for j, ((plot,), name) in enumerate(zip(axes, program.names, strict=True)):
        plot.axvspan(float(time[0]), 0.0, color="#f4f5f7", zorder=0)
        plot.plot(time, played.sent[:, j], color=FAINT, linewidth=1.2, label="sent")
        plot.plot(np.arange(len(log)) * program.dt, log.state[:, j], color=COLOURS[0], linewidth=1.5, label="log")
        plot.plot(time + program.dt, played.measured[:, j], color=COLOURS[1], linewidth=1.3, label="measured")
        plot.set_ylabel(f"{name} [rad]", fontsize=9, color=INK)
        plot.set_xlim(float(time[0]), float(max(time[-1], time[0] + 1e-3)))
        plot.tick_params(labelbottom=j == len(axes) - 1)
    axes[-1][0].set_xlabel("time [s]; before 0: easing in", fontsize=9.5, color=INK)
    axes[0][0].legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    return figure


def playback_page(title: str, log: Log, program: Program, played: Played) -> Report:
    """Page of a playback."""
    page = Report(title, f"episode {log.index}, {1 / program.dt:g} Hz")
    done = f"{len(played.error)} of {len(program.commands)} commands were sent, {program.changed.sum()} of them changed"
    early = f" It ended early: {played.reason}." if played.reason else ""
    page.text(f"{done} to keep speed and range.{early}", lead=True)
    page.figure(playback_plot(log, program, played))
    page.table(*tracking_table(log, program, played), note=NOTE)
    return page
