"""Report pages, figures and tables of recordings replayed in simulation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sim2real.replays.exact_replay import ExactReplay
from sim2real.replays.log_replay import AHEAD, FAR, LogReplay
from sim2real.reports.page import Report
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_grid

WHAT = (
    "Open loop: the simulation starts from the log's first state and gets the same commands at the same times. "
    f"A second ahead (state-forced): the simulation restarts from the logged state at every frame and is "
    f"compared after {AHEAD:g} s."
)


def joint_table(replay: LogReplay) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row per joint."""
    header = ["joint", "RMSE", "largest", f"{FAR:g} rad at", "1 s ahead: RMSE", "largest"]
    rows: list[list[Any]] = []
    for joint, errors in replay.metrics.items():
        after = errors["seconds_to_0.1"]
        late = "never" if after is None else f"{after:.2f} s"
        rows.append([joint, errors["rmse"], errors["largest"], late, *(_or_dash(errors[n]) for n in (
            "second_ahead_rmse", "second_ahead_largest"))])  # fmt: skip
    overall = replay.overall
    rows.append(["all", overall["rmse"], None, None, _or_dash(overall["second_ahead_rmse"]), None])
    return header, rows


def _or_dash(value: float | None) -> float:
    return float("nan") if value is None else value


def joints_plot(replay: LogReplay) -> Figure:
    """Return a figure with a row per joint: log, command and simulation, and the error of the simulation."""
    figure, axes = new_grid(len(replay.joints), 2, width=11.0, height=0.5 + 1.55 * len(replay.joints))
    time = replay.time
    away, ahead = np.abs(replay.divergence), np.abs(replay.ahead - replay.log)
    for j, (joint, (left, right)) in enumerate(zip(replay.joints, axes, strict=True)):
        left.plot(time, replay.command[:, j], color=FAINT, linewidth=1.1, label="command")
        left.plot(time, replay.log[:, j], color=COLOURS[0], linewidth=1.7, label="log")
        left.plot(time, replay.simulated[:, j], color=COLOURS[1], linewidth=1.3, label="simulated, open loop")
        right.plot(time, ahead[:, j], color=COLOURS[2], linewidth=3.4, alpha=0.4, label="a second ahead")
        right.plot(time, away[:, j], color=COLOURS[1], linewidth=1.3, label="open loop")
        right.axhline(FAR, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
        top = max(1.25 * FAR, 1.1 * float(np.nanmax([away[:, j].max(), np.nanmax(ahead[:, j], initial=0.0)])))
        right.set_ylim(0, top)
        left.set_ylabel(f"{joint} [rad]", fontsize=9, color=INK)
        right.set_ylabel("|divergence| [rad]", fontsize=9, color=INK)
        for axis in (left, right):
            axis.set_xlim(0, max(float(time[-1]), 1e-3))
            if j < len(replay.joints) - 1:
                axis.tick_params(labelbottom=False)
            else:
                axis.set_xlabel("time [s]", fontsize=9.5, color=INK)
    for axis in axes[0]:
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    return figure


def log_page(title: str, replays: Sequence[LogReplay], films: Sequence[str], notes: Mapping[int, str]) -> Report:
    """Return the page of logs replayed in simulation; films are files beside it; notes by episode."""
    first = replays[0]
    page = Report(title, f"{first.robot}, {first.servos}; {first.fps:g} Hz")
    page.text(WHAT, lead=True)
    for replay, film in zip(replays, films, strict=True):
        page.heading(f"Episode {replay.episode}")
        page.text(f"{len(replay.log)} frames, {replay.time[-1]:.1f} s. Film: {film}, beside this page. "
                  f"{notes.get(replay.episode, '')}".strip())  # fmt: skip
        page.figure(joints_plot(replay), f"The dashed line is {FAR:g} rad.")
        page.table(
            *joint_table(replay), note="[rad]. Frames of one episode are not independent: no intervals are given."
        )
    return page


def state_plot(replay: ExactReplay) -> Figure:
    """Return a figure of recorded and replayed positions over time, and of their largest difference."""
    figure, axes = new_grid(1, 2, width=11.0, height=3.4)
    left, right = axes[0]
    time = np.arange(len(replay.recorded)) / replay.fps
    recorded, replayed = (part[:, replay.positions][:, :6] for part in (replay.recorded, replay.replayed))
    for j, name in enumerate(replay.names[:6]):
        colour = COLOURS[j % len(COLOURS)]
        left.plot(time, recorded[:, j], color=colour, linewidth=3.2, alpha=0.35, label=name)
        left.plot(time, replayed[:, j], color=colour, linewidth=1.0)
    left.set_ylabel("position [rad or m]", fontsize=9.5, color=INK)
    right.plot(time, replay.difference, color=COLOURS[1], linewidth=1.6)
    right.set_ylabel("largest difference", fontsize=9.5, color=INK)
    if not replay.difference.any():
        right.set_ylim(-1, 1)
        right.set_yticks([0])
    for axis in axes[0]:
        axis.set_xlabel("time [s]", fontsize=9.5, color=INK)
    left.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, fontsize=8.5, labelcolor=INK)
    return figure


def exact_page(title: str, replays: Sequence[ExactReplay], films: Sequence[str]) -> Report:
    """Return the page of episodes that were recorded in simulation and simulated again."""
    task = replays[0].task
    page = Report(title, f"{task}, recorded in simulation and simulated again from the same seeds and actions")
    rows = [[again.episode, len(again.recorded), int(again.same.sum()), again.verdict] for again in replays]
    page.table(["episode", "states", "identical", ""], rows, note=replays[0].changed)
    for replay, film in zip(replays, films, strict=True):
        page.heading(f"Episode {replay.episode}")
        beside = f" Film: {film}, beside this page." if film else ""
        page.text(f"{replay.verdict[0].upper()}{replay.verdict[1:]}.{beside}")
        page.figure(state_plot(replay), "Broad lines: recorded; thin lines: simulated again.")
    return page
