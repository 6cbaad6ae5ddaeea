"""Table, figure and report page of a recording's commands on a robot."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sim2real.replays.robot_replay import RobotReplay
from sim2real.reports.page import Report
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_grid
from sim2real.robots.playback import Played, Program

NOTE = (
    "Measured position one period after the command minus the command: servos lag, so the error grows with speed. "
    "The error in the log is that of the recorded robot, with the same commands."
)


def program_table(program: Program) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row per joint: its targets, and its largest speed as recorded and as sent."""
    limits, low, high = program.limits, program.wanted.min(0), program.wanted.max(0)
    rows = [
        [name, program.wanted[0, j], f"{low[j]:.2f} … {high[j]:.2f}", f"{limits.lower[j]:.2f} … {limits.upper[j]:.2f}",
         program.speed[j], program.limited_speed[j]]
        for j, name in enumerate(program.names)
    ]  # fmt: skip
    return ["joint", "first", "recorded", "allowed", "speed", "as sent"], rows


def tracking_table(replay: RobotReplay) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row per joint."""
    rows = [[name, *errors.values()] for name, errors in replay.tracking.items()]
    return ["joint", "RMSE [rad]", "largest [rad]", "RMSE in the log"], rows


def playback_plot(replay: RobotReplay, played: Played) -> Figure:
    """Return a plot per joint: commands sent, positions measured, and positions in the recording."""
    log, program = replay.log, replay.program
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
    axes[-1][0].set_xlabel("time [s]; before 0: smooth start", fontsize=9.5, color=INK)
    axes[0][0].legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    return figure


def playback_page(title: str, replay: RobotReplay, played: Played) -> Report:
    """Return the page of a playback."""
    program = replay.program
    page = Report(title, f"episode {replay.log.index}, {1 / program.dt:g} Hz")
    sent = f"{len(played.error)} of {len(program.commands)} commands were sent, {program.changed.sum()} of them limited"
    early = f" It ended early: {played.reason}." if played.reason else ""
    page.text(f"{sent} in speed or range.{early}", lead=True)
    page.figure(playback_plot(replay, played))
    page.table(*tracking_table(replay), note=NOTE)
    return page
