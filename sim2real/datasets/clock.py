"""Check of a recording's frame rate against its time stamps."""

import numpy as np

from sim2real.errors import DatasetError

TOLERANCE = 0.1  # relative; recorders set to 20 Hz are known to record at 19.2 Hz


def measured_rate(steps: np.ndarray) -> float | None:
    """Return the frame rate [Hz] from the median of the times [s] between frames; None without frames."""
    return 1 / max(float(np.median(steps)), 1e-9) if len(steps) else None


def check_rate(steps: np.ndarray, fps: float, source: str, remedy: str) -> None:
    """Refuse a frame rate that differs from the time stamps by more than a tenth.

    Args:
        steps: (n,) times [s] between consecutive frames.
        fps: frame rate of the dataset [Hz].
        source: source of the time stamps, for the error.
        remedy: what to do; `{rate}` is replaced by the measured rate.

    Raises:
        DatasetError: the measured rate differs.
    """
    rate = measured_rate(steps)
    if rate is not None and abs(rate / fps - 1) > TOLERANCE:
        advice = remedy.format(rate=f"{rate:.0f}" if rate >= 10 else f"{rate:.3g}")
        raise DatasetError(f"{source} come at {rate:.4g} Hz, not at the dataset's {fps:g} Hz: {advice}")
