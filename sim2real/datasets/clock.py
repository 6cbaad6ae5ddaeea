"""Does the frame rate of a recording fit the time stamps that were recorded with it?"""

import numpy as np

from sim2real.errors import DatasetError

TOLERANCE = 0.1  # of the rate; recorders that were asked for 20 Hz are known to give 19.2


def measured_rate(steps: np.ndarray) -> float | None:
    """Frames per second [Hz] by the median of the times [s] between frames; None where there are none."""
    return 1 / max(float(np.median(steps)), 1e-9) if len(steps) else None


def check_rate(steps: np.ndarray, fps: float, source: str, remedy: str) -> None:
    """Refuse a rate with which actions and everything timed by frames would be off by more than a tenth.

    Args:
        steps: (n,) times [s] between consecutive frames.
        fps: rate that the dataset would say [Hz].
        what: whose steps they are.
        remedy: what to do; `{rate}` stands for the measured one.

    Raises:
        DatasetError: the measured rate is another one.
    """
    rate = measured_rate(steps)
    if rate is not None and abs(rate / fps - 1) > TOLERANCE:
        advice = remedy.format(rate=f"{rate:.0f}" if rate >= 10 else f"{rate:.3g}")
        raise DatasetError(f"{source} come at {rate:.4g} Hz, the dataset would say {fps:g} Hz: {advice}")
