"""Tables and lines about the episodes of an evaluation."""

from collections.abc import Mapping, Sequence
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


def evidence_lines(evaluation: Evaluation) -> list[str]:
    """Return lines on what a session shows whenever one looks, and on its simulated twins; empty without a session."""
    lines, sequential = [], evaluation.metrics.get("sequential")
    if sequential is None:
        return []
    for folder, rate in zip(evaluation.checkpoints, sequential["rates"], strict=True):
        if rate is not None:
            lines.append(f"{folder}: {_shares(rate)}, an interval that may be looked at after every episode")
    if (difference := sequential.get("difference")) is not None:
        after = difference["settled_after"]
        told = "not settled yet" if after is None else f"settled after {after} pairs"
        interval = " … ".join(f"{100 * difference[end]:+.1f}" for end in ("low", "high"))
        lines.append(f"difference whenever one looks: {interval} points; {told} (p = {difference['p_value']:.2g})")
    for folder, twins in zip(evaluation.checkpoints, evaluation.metrics.get("twins", ()), strict=False):
        lines.append(f"{folder}, with simulated twins: {_twins(twins)}")
    return lines


def _twins(twins: Mapping[str, Any] | None) -> str:
    if twins is None:
        return "no trial was found on the track"
    count = f"{twins['wilson']['count']} trials with a twin, {twins['unplaced']} without a place on the track"
    if twins["refused"]:
        return f"no combined rate ({count}): {twins['refused']}"
    return f"{_shares(twins)}; {count}, {twins['simulated']} further simulated ones"


def _shares(figures: Mapping[str, float]) -> str:
    return f"{100 * figures['value']:.1f} % [{100 * figures['low']:.1f}, {100 * figures['high']:.1f}]"


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
