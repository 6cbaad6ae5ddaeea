"""Time windows around a frame, within its episode."""

from collections.abc import Sequence

import numpy as np

from sim2real.errors import InputError


def frame_offsets(deltas: Sequence[float], fps: float, tolerance: float = 1e-3) -> np.ndarray:
    """Convert times [s] relative to a frame to numbers of frames; raises InputError for times between frames."""
    frames = np.asarray(deltas, float).reshape(-1) * fps
    rounded = np.rint(frames)
    wrong = np.abs(frames - rounded) > tolerance * fps
    if wrong.any():
        raise InputError(f"{deltas[int(wrong.argmax())]} s is not a whole number of frames at {fps:g} Hz")
    return rounded.astype(np.int64)


def window_rows(length: int, offsets: np.ndarray, at: np.ndarray | int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of an episode in time windows.

    Args:
        length: length of the episode.
        offsets: (T,) offsets relative to a window's frame.
        at: (n,) rows of the windows; None: a window at every row.

    Returns:
        Rows (n, T), clipped to the episode, and a mask (n, T) of the clipped ones.
    """
    at = np.arange(length) if at is None else np.atleast_1d(at)
    rows = at[:, None] + np.asarray(offsets)[None]
    inside = rows.clip(0, length - 1)
    return inside, inside != rows
