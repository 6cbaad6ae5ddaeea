"""The report page of a comparison with recordings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.evaluation.offline import ActionComparison, worst_rows
from sim2real.evaluation.results import DatasetEvaluation
from sim2real.recordings.frames import Frames
from sim2real.replays.policy_replay import APART
from sim2real.reports.films.video import enlarge
from sim2real.reports.lines import (
    SHOWN,
    TILE,
    episode_table,
    gain_line,
    interval_line,
    metric_table,
    skipped_line,
    smoothing_line,
)
from sim2real.reports.page import METRIC_NOTE, Report
from sim2real.reports.pictures.overlay import draw_steering
from sim2real.reports.plots.actions import actions_scatter, actions_series
from sim2real.statistics.agreement import METRIC_NAMES

WORST = 12  # frames


def recording_lines(frames: Frames) -> list[str]:
    """Return lines on the frames of a recording, and how its actions were averaged."""
    episodes = len(frames.episodes)
    return [
        f"{len(frames)} frames of {episodes} episode{'s' * (episodes > 1)}; left out: {skipped_line(frames.skipped)}",
        f"{smoothing_line(frames.smoothing, frames.fps)}; --smooth changes this",
    ]


def longest_line(frames: Frames) -> str:
    """Return which episodes `episode_table` shows, in words."""
    episodes = len(frames.episodes)
    return f"longest {SHOWN} of {episodes} episodes" if episodes > SHOWN else "episodes"


def comparison_table(comparison: ActionComparison) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row per metric, to fit a narrow terminal."""
    rows = []
    for name in comparison.metrics["policy"]:
        policy, zero, mean = (comparison.metrics[candidate][name] for candidate in ("policy", "zero", "mean"))
        interval = None if policy.low is None else f"{policy.low:.3f} … {policy.high:.3f}"
        rows.append([METRIC_NAMES[name], policy.value, interval, zero.value, mean.value])
    return [comparison.action, "policy", "95 % interval", "always 0", "always the mean"], rows


def write_agreement_report(evaluation: DatasetEvaluation, command: str) -> Path:
    """Write `report.html` to the run's folder; returns its path.

    Args:
        command: the command line.

    Raises:
        OSError: the disk does not take it.
    """
    page = agreement_page(evaluation)
    left_out = skipped_line(evaluation.frames.skipped)
    page.provenance(command, checkpoint=evaluation.checkpoint, frames_left_out=left_out)
    page.write(evaluation.folder / "report.html")
    return evaluation.folder / "report.html"


def agreement_page(evaluation: DatasetEvaluation) -> Report:
    """Return the page of a comparison with recordings, without its provenance."""
    frames, predicted, names = evaluation.frames, evaluation.predicted, evaluation.action_names
    main, *further = evaluation.comparisons
    title = f"A policy on {Path(str(evaluation.config.dataset)).name}"
    policy, zero = main.metrics["policy"], main.metrics["zero"]
    raw = frames.criterion.removeprefix("gain_free_")
    left = f"{policy[frames.criterion].value:.3f} ({zero[raw].value:.3f} of predicting 0)"
    kind = METRIC_NAMES[raw]
    page = Report(
        title,
        f"{len(frames):,} frames of {len(frames.episodes)} episodes; {smoothing_line(frames.smoothing, frames.fps)}",
    )
    page.text(
        f"In {main.action} the policy's correlation with the recorded actions is {policy['correlation']}. "
        f"Its mean absolute error is {policy['mae'].value:.3f}; always predicting 0 gives "
        f"{zero['mae'].value:.3f}. After the best-fitting gain and offset the {kind} is {left}.".replace(
            "nan", "undefined"
        ),
        lead=True,
    )
    page.heading(f"Agreement: {main.action}")
    page.table(*metric_table(main.metrics), note=f"{interval_line(main.units)} {METRIC_NOTE}")
    chosen = [names[k] for k in main.columns]
    guess = predicted[:, list(main.columns)]
    fit = f"; {gain_line(main.gain, main.offset)}" if len(chosen) == 1 else "; orange: the best fit"
    page.figure(actions_scatter(frames.done, guess, chosen, main.gains), f"Each point is a frame{fit}.")
    longest = frames.episode == main.per_episode[0]["episode"]
    lines = {"recorded": frames.done[longest], "policy": guess[longest]}
    page.figure(
        actions_series(frames.row[longest] / frames.fps, lines, chosen),
        f"The longest episode, {main.per_episode[0]['episode']}, over time.",
    )
    page.heading("Largest errors")
    page.text("The largest errors after the fitted gain, at least half a second apart, as the network's input.")
    error = main.rescaled(predicted) - frames.done
    size = np.linalg.norm(np.nan_to_num(error), axis=1)
    worst = worst_rows(size, frames.episode, frames.row, WORST, max(1, round(APART * frames.fps)))
    page.pictures([_worst(frames, predicted, error, names, int(k)) for k in worst], width=300)
    for other in further:
        page.heading(f"Agreement: {other.action}").table(*metric_table(other.metrics))
    page.heading("Episodes")
    count = len(main.per_episode)
    note = f"The longest {SHOWN} of {count}; all are in metrics.json. " if count > SHOWN else ""
    page.table(*episode_table(main.per_episode), note=f"{note}Gain-free is after one gain for all episodes.")
    return page


def _worst(
    frames: Frames, predicted: np.ndarray, error: np.ndarray, names: Sequence[str], row: int
) -> tuple[np.ndarray, str]:
    """Return a frame and its caption: a single action is drawn; of several, the one with the largest error is named."""
    where = f"episode {frames.episode[row]}   frame {frames.row[row]}"
    k = frames.judged[int(np.nanargmax(np.abs(error[row])))]
    values = {"recorded": float(frames.actions[row, k]), "policy": float(predicted[row, k])}
    if len(frames.judged) == 1:
        return draw_steering(frames.images[row], values, where, TILE), ""
    said = ", ".join(f"{who} {value:+.2f}" for who, value in values.items())
    return enlarge(frames.images[row], max(1, TILE // frames.images.shape[2])), f"{where}: {names[k]} {said}"
