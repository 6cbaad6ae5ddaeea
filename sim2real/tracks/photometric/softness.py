"""Blur of a camera's frames, as pairs of them show it."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from sim2real.progress import Progress, silent
from sim2real.tracks.photometric.fit import NONE, fit, shifts
from sim2real.tracks.photometric.optics import Optics
from sim2real.tracks.photometric.warping import Pair

SOFTNESS = (0.4, 2.5)  # px
_TRIES = 25  # of blurs, at most


def softness(pairs: Sequence[Pair], optics: Optics, progress: Progress = silent) -> tuple[float, float]:
    """Return the blur of a camera's frames along x and y [px] with which pairs agree best."""
    motions, tried = fit(pairs, optics, NONE).motions, itertools.count(1)

    def left(logs: np.ndarray) -> float:
        progress(min(next(tried), _TRIES), _TRIES)
        return float(shifts(pairs, _softer(optics, logs), motions).mean())

    corners = np.log([[1.0, 1.0], [1.5, 1.0], [1.0, 1.5]])
    options = {"initial_simplex": corners, "maxfev": _TRIES, "xatol": 0.05, "fatol": 1e-3}
    found = minimize(left, corners[0], method="Nelder-Mead", bounds=[np.log(SOFTNESS)] * 2, options=options)
    return _softer(optics, found.x).soft


def _softer(optics: Optics, logs: np.ndarray) -> Optics:
    x, y = np.exp(logs)
    return replace(optics, soft=(float(x), float(y)))
