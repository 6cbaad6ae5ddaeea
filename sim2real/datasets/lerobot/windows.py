"""Windows in time around a frame, within its episode."""

from collections.abc import Sequence

import numpy as np

from sim2real.errors import InputError


def frame_offsets(deltas: Sequence[float], fps: float, tolerance: float = 1e-3) -> np.ndarray:
    """Whole frames that times [s] relative to a frame amount to; raises InputError for times between two frames."""
    frames = np.asarray(deltas, float).reshape(-1) * fps
    rounded = np.rint(frames)
    wrong = np.abs(frames - rounded) > tolerance * fps
    if wrong.any():
        raise InputError(f"{deltas[int(wrong.argmax())]} s is not a whole number of frames at {fps:g} Hz")
    return rounded.astype(np.int64)


def window_rows(length: int, offsets: np.ndarray, at: np.ndarray | int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of an episode that windows look at.

    Args:
        length: of the episode.
        offsets: (T,) frames relative to the window's own.
        at: (n,) the windows' own rows; None: one for each row.

    Returns:
        Rows (n, T), those beyond the episode's ends replaced by its first or last one, and where that was done, (n, T).
    """
    at = np.arange(length) if at is None else np.atleast_1d(at)
    rows = at[:, None] + np.asarray(offsets)[None]
    inside = rows.clip(0, length - 1)
    return inside, inside != rows
