"""Report page, plots and tables of recorded episodes with the actions of a policy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sim2real.replays.policy_replay import PolicyReplay
from sim2real.reports.films.replay import replay_picture
from sim2real.reports.lines import TILE, gain_line, metric_table, skipped_line, smoothing_line
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.plots.charts import COLOURS, FAINT, INK, new_grid, series_plot

Table = tuple[list[str], list[list[Any]]]


def worst_table(replay: PolicyReplay, count: int) -> Table:
    """Return a header and a row per frame, the worst first."""
    chosen, track = replay.worst(count), replay.tracks[0]
    if len(replay.tracks) > 1:
        header = ["frame", "time [s]", "RMS after gain", "most of it", "recorded", "policy"]
        most = np.abs([track.seeing for track in replay.tracks]).argmax(0)
        rows = [(k, replay.tracks[most[k]]) for k in chosen]
        means = zip(replay.row[chosen], replay.time[chosen], replay.seeing[chosen], strict=True)
        return header, [[*m, t.action, t.driver[k], t.policy[k]] for m, (k, t) in zip(means, rows, strict=True)]
    header = ["frame", "time [s]", "as recorded", "averaged", "policy", "difference", "after gain"]
    columns = (
        *(replay.row, replay.time, track.raw, track.driver, track.policy),
        *(track.policy - track.driver, track.seeing),
    )
    return header, [[column[k] for column in columns] for k in chosen]


def gains_line(replay: PolicyReplay) -> str:
    """Return the fitted gain and offset, in words."""
    if len(replay.tracks) == 1:
        return f"after gain: {gain_line(*replay.tracks[0].gain)}"
    return "after gain: after a gain and offset per action, fitted to this episode; they are in metrics.json"


def agreement_table(replays: Sequence[PolicyReplay]) -> Table:
    """Return a header and a row per episode; with several actions, a row for each of them below it."""
    rows = {}
    for replay in replays:
        rows[f"episode {replay.episode}"] = replay.metrics
        if len(replay.tracks) > 1:
            rows |= {f"episode {replay.episode}, {track.action}": track.metrics for track in replay.tracks}
    shared = [name for name in replays[0].metrics if all(name in row for row in rows.values())]
    return metric_table({label: {name: row[name] for name in shared} for label, row in rows.items()})


def replay_page(title: str, replays: Sequence[PolicyReplay], films: Sequence[str], count: int) -> Report:
    """Return the page of replayed episodes; films are the names of files beside the page."""
    first = replays[0]
    page = Report(title, smoothing_line(first.smoothing, first.fps))
    note = f"Without intervals: frames of an episode are not independent of each other. {METRIC_NOTE}"
    page.heading(f"Agreement: {first.action}").table(*agreement_table(replays), note=note)
    mark = "; dark mark on the upper bar: the command before averaging" if len(first.tracks) == 1 else ""
    colours = f"Blue: recorded; orange: the policy{mark}."
    for replay, film in zip(replays, films, strict=True):
        page.heading(f"Episode {replay.episode}")
        left_out = f"; left out: {skipped_line(replay.skipped)}" if replay.skipped else ""
        seconds = replay.time[-1] - replay.time[0]
        page.text(f"{len(replay.row)} frames, {seconds:.1f} s{left_out}. Film: {film}, beside this page.")
        page.figure(replay_plot(replay, count), "Pale lines mark the frames below.")
        page.text(f"The frames that differ most after the gain, the worst first. {colours}")
        page.pictures([(replay_picture(replay, int(k), TILE), "") for k in replay.worst(count)], width=300)
        page.table(*worst_table(replay, count), note=gains_line(replay).capitalize())
    return page


def replay_plot(replay: PolicyReplay, count: int) -> Figure:
    """Return the figure of an episode over time, a plot per action."""
    marks, title = replay.time[replay.worst(count)].tolist(), f"episode {replay.episode}"
    if len(replay.tracks) == 1:
        track = replay.tracks[0]
        lines = {"recorded": track.driver, "policy": track.policy, "before averaging": track.raw}
        return series_plot(replay.time, lines, title, track.action, faint=("before averaging",), marks=marks)
    figure, axes = new_grid(len(replay.tracks), 1, width=9.5, height=0.8 + 1.35 * len(replay.tracks))
    for (plot,), track in zip(axes, replay.tracks, strict=True):
        for at in marks:
            plot.axvline(at, color="#f3c9a5", linewidth=1.2, zorder=0)
        plot.plot(replay.time, track.raw, color=FAINT, linewidth=0.8, alpha=0.7, label="before averaging")
        plot.plot(replay.time, track.driver, color=COLOURS[0], linewidth=1.6, label="recorded")
        plot.plot(replay.time, track.policy, color=COLOURS[1], linewidth=1.4, label="policy")
        plot.set_ylabel(track.action, fontsize=9, color=INK)
        plot.set_ylim(-1.08, 1.08)
        plot.set_xlim(float(replay.time[0]), float(max(replay.time[-1], replay.time[0] + 1e-3)))
        plot.tick_params(labelbottom=plot is axes[-1][0])
    axes[-1][0].set_xlabel("time [s]", fontsize=9.5, color=INK)
    axes[0][0].set_title(title, fontsize=10.5, color=INK, loc="left")
    axes[0][0].legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    return figure
