"""Tables and lines about the episodes of an evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.evaluation.config import PLACES, EvaluateConfig
from sim2real.evaluation.results import Evaluation
from sim2real.evaluation.simulation import Episodes
from sim2real.evaluation.trials import IN_TIME
from sim2real.rehearsal.preset import PRESET


def place_line(config: EvaluateConfig) -> str:
    """Return the place of the evaluation, in words."""
    other = config.preset if config.on == "rehearsal" and config.preset != PRESET else ""
    layout = "" if config.layout is None else f"layout {config.layout}"
    which = ", ".join(filter(None, (other, layout)))
    rehearsal = f" ({which})" if which else ""
    details = {"sim": f" ({config.randomization})", "rehearsal": rehearsal, "robot": f": {config.hardware.robot}"}
    return PLACES[config.on] + details.get(config.on, "")


def success_table(checkpoints: Sequence[Path], episodes: Sequence[Episodes]) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row per checkpoint."""
    rows: list[list[Any]] = []
    for folder, each in zip(checkpoints, episodes, strict=True):
        rate, succeeded, completed = each.summary()["success"], int(each.success.sum()), int(each.completed.sum())
        share = "–" if rate is None else f"{100 * rate['value']:.1f} %"
        interval = "–" if rate is None else f"{100 * rate['low']:.1f} … {100 * rate['high']:.1f} %"
        rows.append([str(folder), share, interval, f"{succeeded} of {completed}"])
    return ["checkpoint", "success", "95 % interval", "episodes"], rows


def aborted_line(episodes: Episodes, name: str = "") -> str:
    """Return a line with the number of aborted episodes and how they count; empty if there are none.

    Args:
        name: prefix that names the policy.
    """
    aborted = int(episodes.stopped.sum())
    if not aborted:
        return ""
    meaning = "they say nothing about the policy and are left out of its success"
    return f"{name}{aborted} of {len(episodes.seeds)} episodes aborted: {meaning}"


def reason_lines(episodes: Episodes, name: str = "") -> list[str]:
    """Return a line per reason of aborted episodes, with how often it happened."""
    reasons = [str(loop["reason"]) for loop in episodes.loops if loop.get("reason")]
    return [f"{name}aborted {reasons.count(each)} times: {each}" for each in dict.fromkeys(reasons)]


def invalid_line(episodes: Episodes, name: str = "") -> str:
    """Return a line with the number of episodes whose loop was too slow to count; empty if there are none."""
    slow = int(episodes.invalid.sum())
    meaning = f"their loop ran below {100 * IN_TIME:.0f} % of its rate; they count neither way"
    return f"{name}{slow} of {len(episodes.seeds)} episodes invalid: {meaning}" if slow else ""


def difference_lines(evaluation: Evaluation) -> list[str]:
    """Return lines on the difference of two policies and its sample size; empty without a common episode."""
    difference, plan = evaluation.difference, evaluation.settling
    if difference is None or plan is None:
        return []
    points, low, high = (100 * share for share in (difference.value, difference.low, difference.high))
    return [
        f"difference, second minus first: {points:+.1f} points, 95 % interval {low:+.1f} … {high:+.1f}",
        f"episodes in which only the second succeeded: {difference.won}, only the first: {difference.lost}",
        f"exact McNemar test: p = {difference.p_value:.2g}",
        f"to settle it: {plan.text}",
    ]


def loop_line(episodes: Episodes) -> str:
    """Return the loop's rate and latency over all episodes, and the numbers of dropped frames and of commands limited
    or by hand."""
    loops = episodes.loops
    rates = [loop["loop_rate_hz"] for loop in loops if loop["loop_rate_hz"]]
    medians = [loop["latency_ms"]["median"] for loop in loops if loop["latency_ms"]]
    slowest = [loop["latency_ms"]["p99"] for loop in loops if loop["latency_ms"]]
    largest = [loop["latency_ms"]["largest"] for loop in loops if loop["latency_ms"]]
    if not rates:
        return "no episode has two steps"
    steps, dropped, limited, by_hand = (
        sum(loop[name] for loop in loops) for name in ("steps", "dropped_frames", "limited_commands", "interventions")
    )
    latency = f"p99 {max(slowest):.1f} ms in the slowest episode, at most {max(largest):.0f} ms"
    return (
        f"{np.mean(rates):.1f} Hz, latency {np.median(medians):.1f} ms ({latency}),"
        f" {dropped} of {steps} frames dropped or late, {limited} commands limited"
        + (f", {by_hand} by hand" if by_hand else "")
    )
