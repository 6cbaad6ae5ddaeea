"""Whether laps depend on how frames are drawn: the same laps, paired, with two renderers."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.tracks.centre_line import CentreLine
from sim2real.tracks.driving.figures import clean_laps
from sim2real.tracks.driving.laps import Laps
from sim2real.tracks.poses import wrapped

MAP, NEAREST = "map", "nearest"  # names of the renderers
_PLACES = 8  # parts of the line


@dataclass(frozen=True)
class Place:
    """A part of the line.

    Attributes:
        first, last: m along the line.
        offset: mean difference of the offset to the left of the line, second minus first [m].
        interventions: number with the first renderer and with the second.
    """

    first: float
    last: float
    offset: Estimate
    interventions: tuple[int, int]

    @property
    def differs(self) -> bool:
        return _excludes_zero(self.offset)


@dataclass(frozen=True)
class Comparison:
    """Laps with the second renderer against the same ones with the first; differences are second minus first.

    Attributes:
        laps: driven with the second renderer.
        rates: of laps without intervention with the first and the second.
        clean: their difference.
        offset, spread: mean over laps of the difference of the offset's mean and standard deviation [m].
        places: around the line.
    """

    laps: Laps
    rates: tuple[Rate, Rate]
    clean: RateDifference
    offset: Estimate
    spread: Estimate
    places: tuple[Place, ...]

    @property
    def differs(self) -> list[str]:
        """Return the figures whose difference's 95 % interval excludes 0; empty: both renderers agree."""
        found = {
            "laps without intervention": not self.clean.low <= 0 <= self.clean.high,
            "offset": _excludes_zero(self.offset),
            "offset's standard deviation": _excludes_zero(self.spread),
        }
        return [name for name, differs in found.items() if differs]

    def metrics(self) -> dict[str, Any]:
        """Return the content for `metrics.json`."""
        return {
            "laps": len(self.laps.seeds),
            "laps_without_intervention": {
                name: each.to_dict() for name, each in zip((MAP, NEAREST), self.rates, strict=True)
            },
            "difference": self.clean.to_dict(),
            "offset": {"mean": self.offset.to_dict(), "std": self.spread.to_dict()},
            "differs": self.differs,
            "places": [asdict(each) for each in self.places],
        }


def compare(first: Laps, second: Laps, line: CentreLine) -> Comparison:
    """Compare the laps of the second renderer with as many first ones of the first, which began alike."""
    first = first.head(len(second.seeds))
    pairs = np.array([[_offset(each, k) for each in (first, second)] for k in range(len(second.seeds))])
    offset, spread = (_mean(np.diff(pairs[..., k])[:, 0]) for k in (0, 1))
    rates = clean_laps(first), clean_laps(second)
    return Comparison(
        second, rates, RateDifference.of(first.clean, second.clean), offset, spread, _places(first, second, line)
    )


def _offset(laps: Laps, k: int) -> tuple[float, float]:
    """Return mean and standard deviation [m] of the offset in a lap."""
    offset = laps.steps.offset[laps.steps.lap == k]
    return float(offset.mean()), float(offset.std())


def _mean(values: np.ndarray) -> Estimate:
    """Return the mean of values (n,) with its interval by bootstrap over them; NaN are left out."""
    values = values[np.isfinite(values)]
    if not len(values):
        return Estimate(0.0, None, None)
    bootstrap, mean = Bootstrap(len(values)), float(values.mean())
    return Estimate(mean, *(bootstrap.interval(mean, bootstrap.weights @ values / len(values)) or (None, None)))


def _places(first: Laps, second: Laps, line: CentreLine) -> tuple[Place, ...]:
    """Return the parts of the line in its direction; the offset is to the left of the line, whichever way is driven."""
    means, outs = zip(*(_by_place(each, line) for each in (first, second)), strict=True)
    edges = np.linspace(0, line.length, _PLACES + 1)
    return tuple(
        Place(
            float(edges[k]),
            float(edges[k + 1]),
            _mean(means[1][:, k] - means[0][:, k]),
            (int(outs[0][k]), int(outs[1][k])),
        )
        for k in range(_PLACES)
    )


def _by_place(laps: Laps, line: CentreLine) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean offset (n, _PLACES) [m] of n laps, NaN where none drove, and the interventions (_PLACES,)."""
    at, offset, _ = line.beside(laps.steps.pose)
    back = np.abs(wrapped(laps.steps.pose[:, 2] - line.heading[at])) > np.pi / 2
    count, cell = len(laps.seeds), laps.steps.lap * _PLACES + at * _PLACES // len(line.points)
    sums = (np.bincount(cell, each, count * _PLACES) for each in (np.where(back, -offset, offset), np.ones(len(cell))))
    with np.errstate(invalid="ignore"):
        means = np.divide(*sums).reshape(count, _PLACES)
    out = line.beside(laps.out_pose)[0] * _PLACES // len(line.points)
    return means, np.bincount(out, minlength=_PLACES)


def _excludes_zero(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.high is not None and not estimate.low <= 0 <= estimate.high
