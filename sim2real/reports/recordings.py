"""Lines about the recordings of a run, for the terminal."""

from sim2real.recordings.frames import Frames
from sim2real.reports.lines import saturation_line
from sim2real.transfer.frames.reading import Reading


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
