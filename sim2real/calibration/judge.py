"""How well pairs of frames agree that a camera was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.calibration.pairs import Found
from sim2real.progress import Progress, silent
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.tracks.photometric.fit import NONE, fit, shifts
from sim2real.tracks.photometric.optics import Optics
from sim2real.tracks.photometric.warping import Pair


@dataclass(frozen=True)
class Judged:
    """Held-out pairs with a camera and with another one, the motions fitted for each.

    Attributes:
        before, after: median disagreement [px].
        gain: mean share by which it falls, low and high: its 95 % interval over units; None: too few units.
        pairs, units: their numbers.
    """

    before: float
    after: float
    gain: float
    low: float | None
    high: float | None
    pairs: int
    units: int

    @property
    def better(self) -> bool:
        """Return whether the second camera is better beyond chance."""
        return self.low is not None and self.low > 0


def split(found: Found, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return the pairs that a camera is fitted to, and those that judge it: whole units of time."""
    units = np.array([pair.unit for pair in found.pairs])
    names = np.random.default_rng(seed).permutation(np.unique(units))
    count = min(max(round(share * len(names)), 1), len(names) - 1)
    held = np.isin(units, names[:count])
    return np.flatnonzero(~held).tolist(), np.flatnonzero(held).tolist()


def disagreement(pairs: Sequence[Pair], optics: Optics, progress: Progress = silent) -> np.ndarray:
    """Return (n,) px by which n pairs still seem shifted with a camera, their motions fitted."""
    return shifts(pairs, optics, fit(pairs, optics, NONE, progress=progress).motions)


def clearest(found: Found, optics: Optics, count: int, progress: Progress = silent) -> Found:
    """Return the pairs that agree best with a camera, in their order: a frame that shook while it was read agrees less.

    They are chosen before the parameters that are fitted to them, by a camera that was fitted to others.
    """
    left = disagreement(found.pairs, optics, progress)
    kept = np.sort(np.argsort(left, kind="stable")[:count])
    return replace(found, pairs=[found.pairs[k] for k in kept])


def judge(pairs: Sequence[Pair], old: np.ndarray, new: np.ndarray) -> Judged:
    """Compare two cameras by the `disagreement` (n,) of pairs that neither was fitted to."""
    fall = 1 - new / np.maximum(old, 1e-9)
    names, unit = np.unique([pair.unit for pair in pairs], return_inverse=True)
    bootstrap = Bootstrap(len(names))
    total, count = np.bincount(unit, fall), np.bincount(unit)
    drawn = (bootstrap.weights @ total) / np.maximum(bootstrap.weights @ count, 1)
    low, high = bootstrap.interval(float(fall.mean()), drawn) or (None, None)
    median = float(np.median(old)), float(np.median(new))
    return Judged(*median, float(fall.mean()), low, high, len(pairs), len(names))
