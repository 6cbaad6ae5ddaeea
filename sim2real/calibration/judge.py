"""How well pairs of frames agree that a camera was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.calibration.fit import fit
from sim2real.calibration.optics import Optics
from sim2real.calibration.pairs import Found
from sim2real.calibration.photometric import Grid, Pair, lab, warped
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.tracks.rebuilding.parallel import in_parallel

BLUR = 1.2  # px
NOTHING = np.zeros(7, bool)


@dataclass(frozen=True)
class Disagreement:
    """Squares of the differences (n,) of n pairs, and of their slopes (n,), per px².

    Attributes:
        difference, slope: sums over the pixels that both frames show.
    """

    difference: np.ndarray
    slope: np.ndarray

    @property
    def pixels(self) -> np.ndarray:
        """Return (n,) px: a shift of so many pixels, in any direction, would make the same differences."""
        return np.sqrt(2 * self.difference / np.maximum(self.slope, 1e-9))


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


def disagreement(pairs: Sequence[Pair], optics: Optics, reference: Optics) -> Disagreement:
    """Return how much pairs disagree with a camera, the motions fitted; slopes, and pixels, are a reference's."""
    motions = np.array([pair.motion for pair in pairs])
    here, there = (fit(pairs, each, NOTHING, motions, (2 * BLUR, BLUR)).motions for each in (optics, reference))
    mine, others = Grid.of(optics, NOTHING), Grid.of(reference, NOTHING)

    def sums(k: int) -> tuple[float, float]:
        images = lab(pairs[k].first), lab(pairs[k].second)
        own, other = warped(mine, *images, here[k], BLUR), warped(others, *images, there[k], BLUR)
        both = (own.known > 0.9) & (other.known > 0.9)
        strong = both & (np.square(other.slopes).sum((2, 3)) > np.quantile(np.square(other.slopes).sum((2, 3)), 0.9))
        return float(np.square(own.difference[strong]).sum()), float(np.square(other.slopes[strong]).sum())

    found = np.array(in_parallel(sums, range(len(pairs)))).reshape(-1, 2)
    return Disagreement(found[:, 0], found[:, 1])


def judge(pairs: Sequence[Pair], before: Optics, after: Optics) -> Judged:
    """Compare two cameras on pairs that neither was fitted to."""
    old, new = (disagreement(pairs, each, after).pixels for each in (before, after))
    fall = 1 - new / np.maximum(old, 1e-9)
    names, unit = np.unique([pair.unit for pair in pairs], return_inverse=True)
    bootstrap = Bootstrap(len(names))
    total, count = np.bincount(unit, fall), np.bincount(unit)
    drawn = (bootstrap.weights @ total) / np.maximum(bootstrap.weights @ count, 1)
    low, high = bootstrap.interval(float(fall.mean()), drawn) or (None, None)
    median = float(np.median(old)), float(np.median(new))
    return Judged(*median, float(fall.mean()), low, high, len(pairs), len(names))
