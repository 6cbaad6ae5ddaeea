"""Lines on recordings that were read, for the terminal."""

from sim2real.recordings.frames import Frames
from sim2real.reports.lines import saturation_line
from sim2real.transfer.frames.reading import Reading


def frames_line(name: str, frames: Frames) -> str:
    """Say in one line what a dataset's frames are."""
    smoothed = f"actions averaged ± {frames.smoothing:g} s" if frames.smoothing else "actions as they were given"
    return f"{name}: {len(frames)} frames, {len(frames.episodes)} episodes, {frames.units()}, {smoothed}"


def reading_lines(reading: Reading) -> list[str]:
    """Say which frames of a dataset were left out, and which have labels that no policy can give."""
    lines = [f"{count} frames left out: {reason}" for reason, count in reading.skipped.items()]
    if line := saturation_line(reading.saturated, reading.count):
        lines.append(line)
    return [f"{reading.dataset}: {line}" for line in lines]
