"""Tables and lines on recordings and their evaluations, shared by pages and commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import Estimate, metric_header
from sim2real.statistics.units import Units
from sim2real.transfer.frames.reading import Reading

NAMES = {"policy": "the policy", "zero": "always 0", "mean": "always the mean"}
FEW = 10  # units; with fewer, an interval is only a rough estimate
SHOWN = 15  # number of episodes in a table
TILE = 320  # px, width of a frame in a gallery


def metric_table(metrics: Mapping[str, Mapping[str, Estimate]], first: str = "") -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row per predictor or candidate."""
    rows = [[NAMES.get(name, name), *values.values()] for name, values in metrics.items()]
    return [first, *metric_header(next(iter(metrics.values())))], rows


def episode_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row for each of the longest episodes."""
    names = [name for name in rows[0] if name not in ("episode", "frames")]
    undefined = float("nan")  # a dash; None would be an empty cell
    values = [[undefined if row[name] is None else row[name] for name in names] for row in rows[:SHOWN]]
    header = ["episode", "frames", *metric_header(names)]
    return header, [[row["episode"], row["frames"], *v] for row, v in zip(rows, values, strict=False)]


def gain_line(gain: float, offset: float) -> str:
    """Return the equation of the fitted gain and offset."""
    return f"best fit: recorded = {gain:.3f} × predicted {'−' if offset < 0 else '+'} {abs(offset):.3f}"


def smoothing_line(seconds: float, fps: float) -> str:
    """Return how the recorded actions were smoothed, in words."""
    if round(seconds * fps) == 0:
        return "the recorded actions are not averaged"
    return f"the recorded actions are averaged over ±{seconds:g} s ({2 * round(seconds * fps) + 1} frames)"


def interval_line(units: Units) -> str:
    """Return what the intervals are, and how reliable."""
    if len(units) == 1:
        return f"There is only one {units.kind}: no interval can be given, as its frames are not independent."
    line = f"Intervals: 95 %, by bootstrap over {units}."
    return line if len(units) >= FEW else f"{line} With so few {units.kind}s they are only rough estimates."


def interval_note(units: Units) -> str:
    """Return what the brackets in a table are."""
    if len(units) == 1:
        return interval_line(units)
    return f"In brackets: 95 % interval, by bootstrap over {units}."


def saturation_line(saturation: Mapping[str, int], frames: int) -> str:
    """Return the numbers of labels outside the policy's action range, by action; empty if there are none."""
    parts = ", ".join(f"{name} {count} ({100 * count / frames:.1f} %)" for name, count in saturation.items())
    return parts and f"saturated: frames (of {frames}) whose recorded action exceeds the policy's range: {parts}"


def skipped_line(skipped: Mapping[str, int]) -> str:
    """Return the numbers of frames left out, by reason."""
    return ", ".join(f"{count} ({reason})" for reason, count in skipped.items()) or "none"


def frames_line(name: str, frames: Frames) -> str:
    """Return a line on the frames of a dataset."""
    smoothed = f"actions averaged ± {frames.smoothing:g} s" if frames.smoothing else "actions not averaged"
    return f"{name}: {len(frames)} frames, {len(frames.episodes)} episodes, {frames.units()}, {smoothed}"


def reading_lines(reading: Reading) -> list[str]:
    """Return lines on the frames that were left out, and on labels outside the policy's range."""
    lines = [f"{count} frames left out: {reason}" for reason, count in reading.skipped.items()]
    if line := saturation_line(reading.saturated, reading.count):
        lines.append(line)
    return [f"{reading.dataset}: {line}" for line in lines]
