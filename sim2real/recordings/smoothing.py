"""Averaging recorded actions over time; the check needs nothing but Python."""

from typing import TYPE_CHECKING

from sim2real.errors import InputError

if TYPE_CHECKING:
    import numpy as np

LONGEST = 5.0  # s to either side


def check_smoothing(seconds: float | None) -> None:
    """Raise InputError for seconds to either side that are out of range; None stands for the task's own."""
    if seconds is not None and not 0 <= seconds <= LONGEST:
        raise InputError(f"smooth must be in 0…{LONGEST:g} s, not {seconds}")


def smoothing_window(seconds: float, fps: float) -> int:
    """Return the number of frames that are averaged: those within so many seconds to either side, and the frame."""
    return 2 * round(seconds * fps) + 1


def smooth(actions: "np.ndarray", seconds: float, fps: float) -> "np.ndarray":
    """Average actions (n, A) over `seconds` to either side; the first and the last frame stand in beyond the ends."""
    from scipy.ndimage import uniform_filter1d  # here, as configs import this file for the check above

    return uniform_filter1d(actions, smoothing_window(seconds, fps), axis=0, mode="nearest")
