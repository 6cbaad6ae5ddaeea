"""What evaluations and replays of recordings found, as pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim2real.agreement import METRIC_NAMES, METRICS, Estimate
from sim2real.frames import Frames
from sim2real.offline import Findings, worst_rows
from sim2real.overlay import draw_steering
from sim2real.plots import scatter_plot, series_plot
from sim2real.replay import APART, Replay
from sim2real.report import METRIC_NOTE, Report

ARMS = {"policy": "the policy", "zero": "always 0", "mean": "always the mean"}
ONE_EPISODE = "There is one episode only: no interval can be given, as its frames are not independent of each other."
FEW = 10  # episodes, below which a bootstrap's interval is clearly too narrow
SHOWN = 15  # episodes in a table
TILE = 320  # px, width of a frame among others


def metric_table(metrics: Mapping[str, Mapping[str, Estimate]], first: str = "") -> tuple[list[str], list[list[Any]]]:
    """Header and a row per arm."""
    rows = [[ARMS.get(arm, arm), *(values[name] for name in METRICS)] for arm, values in metrics.items()]
    return [first, *(METRIC_NAMES[name] for name in METRICS)], rows


def episode_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Header and a row for each of the longest episodes."""
    header = ["episode", "frames", *(METRIC_NAMES[name] for name in METRICS)]
    undefined = float("nan")  # a dash; None would be an empty cell
    values = [[undefined if row[name] is None else row[name] for name in METRICS] for row in rows[:SHOWN]]
    return header, [[row["episode"], row["frames"], *v] for row, v in zip(rows, values, strict=False)]


def worst_table(replay: Replay, count: int) -> tuple[list[str], list[list[Any]]]:
    """Header and a row per frame, the worst first."""
    header = ["frame", "time [s]", "driver as commanded", "driver averaged", "policy", "difference", "after gain"]
    columns = (replay.row, replay.time, replay.raw, replay.driver, replay.policy)
    difference = replay.policy - replay.driver
    rows = [[*(c[k] for c in columns), difference[k], replay.seeing[k]] for k in replay.worst(count)]
    return header, rows


def gain_line(gain: float, offset: float) -> str:
    """The line that was fitted in hindsight."""
    return f"best fit in hindsight: driven = {gain:.3f} × predicted {'−' if offset < 0 else '+'} {abs(offset):.3f}"


def smoothing_line(seconds: float, fps: float) -> str:
    """What was done to the driver's commands."""
    if round(seconds * fps) == 0:
        return "the driver's commands are taken as they were given"
    return f"the driver's commands are averaged over ±{seconds:g} s ({2 * round(seconds * fps) + 1} frames)"


def interval_line(episodes: int) -> str:
    """What the intervals are, and how far to trust them."""
    if episodes == 1:
        return ONE_EPISODE
    line = "Intervals: 95 %, by bootstrap over whole episodes."
    return (
        line if episodes >= FEW else f"{line} With {episodes} episodes only they are too narrow: take them as a hint."
    )


def skipped_line(skipped: Mapping[str, int]) -> str:
    """Frames left out, by reason."""
    return ", ".join(f"{count} ({reason})" for reason, count in skipped.items()) or "none"


def evaluation_page(title: str, frames: Frames, predicted: np.ndarray, findings: Sequence[Findings]) -> Report:
    """Page of an evaluation; predictions are (n, A), the first of the findings is what the policy is judged by."""
    main = findings[0]
    policy, zero = main.metrics["policy"], main.metrics["zero"]
    page = Report(
        title,
        f"{len(frames):,} frames of {len(frames.episodes)} episodes; {smoothing_line(frames.smoothing, frames.fps)}",
    )
    page.text(
        f"The policy's {main.action} correlates {policy['correlation']} with what was driven. Its mean absolute error "
        f"is {policy['mae'].value:.3f}, and {policy['gain_free_mae'].value:.3f} once the driver's own scale is "
        f"allowed for; to predict 0 always would give {zero['mae'].value:.3f}.".replace("nan", "undefined"),
        lead=True,
    )
    page.heading(f"Agreement: {main.action}")
    page.table(*metric_table(main.metrics), note=f"{interval_line(len(frames.episodes))} {METRIC_NOTE}")
    actual, guess = frames.actions[:, 0], predicted[:, 0]
    fit = gain_line(main.gain, main.offset)
    page.figure(scatter_plot(actual, guess, (main.gain, main.offset), main.action), f"Each point is a frame; {fit}.")
    longest = frames.episode == main.per_episode[0]["episode"]
    lines = {"driver": actual[longest], "policy": guess[longest]}
    page.figure(
        series_plot(frames.row[longest] / frames.fps, lines, ylabel=main.action),
        f"The longest episode, {main.per_episode[0]['episode']}, over time.",
    )
    error = main.gain * guess + main.offset - actual
    page.heading("Where it is most wrong")
    page.text("Largest differences after the fitted gain, at least half a second apart; as the network sees them.")
    worst = worst_rows(error, frames.episode, frames.row, 12, max(1, round(APART * frames.fps)))
    page.pictures([(_worst(frames, actual, guess, int(k)), "") for k in worst], width=300)
    for other in findings[1:]:
        page.heading(f"Agreement: {other.action}").table(*metric_table(other.metrics))
    page.heading("Episodes")
    count = len(main.per_episode)
    note = f"The longest {SHOWN} of {count}; all are in metrics.json. " if count > SHOWN else ""
    page.table(*episode_table(main.per_episode), note=f"{note}Gain-free MAE is after one gain for all episodes.")
    return page


def _worst(frames: Frames, actual: np.ndarray, guess: np.ndarray, k: int) -> np.ndarray:
    caption = f"episode {frames.episode[k]}   frame {frames.row[k]}"
    return draw_steering(frames.images[k], {"driver": actual[k], "policy": guess[k]}, caption, TILE)


def replay_page(title: str, replays: Sequence[Replay], films: Sequence[str], count: int) -> Report:
    """Page of replayed episodes; films are the files' names, which lie beside the page."""
    first = replays[0]
    page = Report(title, smoothing_line(first.smoothing, first.fps))
    metrics = {f"episode {replay.episode}": replay.metrics for replay in replays}
    note = f"Without intervals: frames of an episode are not independent of each other. {METRIC_NOTE}"
    page.heading(f"Agreement: {first.action}").table(*metric_table(metrics), note=note)
    for replay, film in zip(replays, films, strict=True):
        page.heading(f"Episode {replay.episode}")
        left_out = f"; left out: {skipped_line(replay.skipped)}" if replay.skipped else ""
        seconds = replay.time[-1] - replay.time[0]
        page.text(f"{len(replay.row)} frames, {seconds:.1f} s{left_out}. Film: {film}, beside this page.")
        page.figure(replay_plot(replay, count), "Pale lines mark the frames below.")
        page.text(
            "The frames that differ most after the gain, the worst first. Blue: the driver; orange: the policy; the "
            "dark mark on the upper bar is the command before averaging."
        )
        page.pictures([(replay.picture(int(k), TILE), "") for k in replay.worst(count)], width=300)
        page.table(*worst_table(replay, count), note=f"After gain: {gain_line(*replay.gain)}, fitted to this episode.")
    return page


def replay_plot(replay: Replay, count: int) -> Any:
    """Figure of an episode over time."""
    lines = {"driver": replay.driver, "policy": replay.policy, "as commanded": replay.raw}
    marks = replay.time[replay.worst(count)].tolist()
    title = f"episode {replay.episode}"
    return series_plot(replay.time, lines, title, replay.action, faint=("as commanded",), marks=marks)
