"""Over how long recorded actions may be averaged; needs nothing that takes time to import."""

from sim2real.errors import InputError

LONGEST = 5  # s to either side


def check_smoothing(seconds: float | None) -> None:
    """Raise InputError for seconds to either side that are out of range; None stands for the task's own."""
    if seconds is not None and not 0 <= seconds <= LONGEST:
        raise InputError(f"smooth must be in 0…{LONGEST} s, not {seconds}")
