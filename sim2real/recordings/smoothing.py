"""Averaging of recorded actions over time; the check needs only the standard library."""

from typing import TYPE_CHECKING

from sim2real.errors import InputError

if TYPE_CHECKING:
    import numpy as np

LONGEST = 5.0  # s to either side


def check_smoothing(seconds: float | None) -> None:
    """Raise InputError for seconds out of range; None is the task's value."""
    if seconds is not None and not 0 <= seconds <= LONGEST:
        raise InputError(f"smooth must be in 0…{LONGEST:g} s, not {seconds}")


def smoothing_window(seconds: float, fps: float) -> int:
    """Return the number of frames within ± `seconds` of a frame, itself included."""
    return 2 * round(seconds * fps) + 1


def smooth(actions: "np.ndarray", seconds: float, fps: float) -> "np.ndarray":
    """Average actions (n, A) over ± `seconds`; the first and last frame are repeated beyond the ends."""
    from scipy.ndimage import uniform_filter1d  # imported here, as configs import this file for the check above

    return uniform_filter1d(actions, smoothing_window(seconds, fps), axis=0, mode="nearest")
