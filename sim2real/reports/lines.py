"""Tables and lines that pages on evaluations and replays of recordings share."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim2real.statistics.agreement import Estimate, metric_header
from sim2real.statistics.units import Units

NAMES = {"policy": "the policy", "zero": "always 0", "mean": "always the mean"}
FEW = 10  # units, below which an interval is a hint
SHOWN = 15  # episodes in a table
TILE = 320  # px, width of a frame among others


def metric_table(metrics: Mapping[str, Mapping[str, Estimate]], first: str = "") -> tuple[list[str], list[list[Any]]]:
    """Return a header, and a row per predictor or candidate."""
    rows = [[NAMES.get(name, name), *values.values()] for name, values in metrics.items()]
    return [first, *metric_header(next(iter(metrics.values())))], rows


def episode_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Header and a row for each of the longest episodes."""
    names = [name for name in rows[0] if name not in ("episode", "frames")]
    undefined = float("nan")  # a dash; None would be an empty cell
    values = [[undefined if row[name] is None else row[name] for name in names] for row in rows[:SHOWN]]
    header = ["episode", "frames", *metric_header(names)]
    return header, [[row["episode"], row["frames"], *v] for row, v in zip(rows, values, strict=False)]


def gain_line(gain: float, offset: float) -> str:
    """The line that was fitted in hindsight."""
    return f"best fit in hindsight: recorded = {gain:.3f} × predicted {'−' if offset < 0 else '+'} {abs(offset):.3f}"


def smoothing_line(seconds: float, fps: float) -> str:
    """What was done to recorded actions."""
    if round(seconds * fps) == 0:
        return "the recorded actions are taken as they were given"
    return f"the recorded actions are averaged over ±{seconds:g} s ({2 * round(seconds * fps) + 1} frames)"


def interval_line(units: Units) -> str:
    """What the intervals are, and how far to trust them."""
    if len(units) == 1:
        return f"There is one {units.kind} only: no interval can be given, as its frames are not independent."
    line = f"Intervals: 95 %, by bootstrap over {units}."
    return line if len(units) >= FEW else f"{line} With so few they are wide and rough: take them as a hint."


def interval_note(units: Units) -> str:
    """What the brackets in a table are."""
    if len(units) == 1:
        return interval_line(units)
    return f"In brackets: 95 % interval, by bootstrap over {units}."


def saturation_line(saturation: Mapping[str, int], frames: int) -> str:
    """Labels that no policy can give, by action; empty where there are none."""
    parts = ", ".join(f"{name} {count} ({100 * count / frames:.1f} %)" for name, count in saturation.items())
    return parts and f"saturated: in so many of {frames} frames more was done than the policy's actions can do: {parts}"


def skipped_line(skipped: Mapping[str, int]) -> str:
    """Frames left out, by reason."""
    return ", ".join(f"{count} ({reason})" for reason, count in skipped.items()) or "none"
