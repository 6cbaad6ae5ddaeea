"""What a log tells about a camera: intervals and correlations of the fit's parameters, over independent units."""

from dataclasses import dataclass

import numpy as np

from sim2real.calibration.pairs import Found
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.tracks.photometric.fit import TRUST, Fit
from sim2real.tracks.photometric.optics import PARAMETERS


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval, in the units of PARAMETERS; None: too few units."""

    value: float
    low: float | None
    high: float | None

    @property
    def half(self) -> float:
        """Return half the interval's width; infinite where there is none."""
        return np.inf if self.low is None or self.high is None else (self.high - self.low) / 2


def intervals(fit: Fit, found: Found) -> dict[str, Interval]:
    """Return intervals of the fitted parameters by a bootstrap of units, each resample solved by one Gauss-Newton step.

    One step from the solution of all units (Shao & Tu 1995, section 8.3: it errs by less than the interval's width).
    """
    drawn, values = _drawn(fit, found), fit.optics.values()
    bootstrap = Bootstrap(len(found.units))
    result = {}
    for k, name in enumerate(PARAMETERS):
        if fit.free[k]:
            low, high = bootstrap.interval(values[k], drawn[:, k]) or (None, None)
            result[name] = Interval(float(values[k]), low, high)
    return result


def correlations(fit: Fit, found: Found) -> np.ndarray:
    """Return (7, 7) correlations of the errors of parameters; 0 where one was held."""
    drawn = _drawn(fit, found)
    spread = drawn.std(0)
    centred = (drawn - drawn.mean(0)) / np.where(spread > 0, spread, 1)
    return centred.T @ centred / len(drawn)


def _drawn(fit: Fit, found: Found) -> np.ndarray:
    """Return (resamples, 7) parameters."""
    units, f = np.array([pair.unit for pair in found.pairs]), np.flatnonzero(fit.free)
    count = len(found.units)
    information = np.array([fit.information[units == k].sum(0)[np.ix_(f, f)] for k in range(count)])
    pull = np.array([fit.pull[units == k].sum(0)[f] for k in range(count)])
    weights = Bootstrap(count).weights
    prior = TRUST[np.ix_(f, f)]
    # At the solution the units' pulls and the prior's cancel.
    pulls = (weights - 1) @ pull
    steps = -np.linalg.solve(np.einsum("ru,uij->rij", weights, information) + prior, pulls[..., None])[..., 0]
    drawn = np.tile(fit.optics.values(), (len(weights), 1))
    drawn[:, f] += steps
    return drawn


def heading(fit: Fit, found: Found) -> Interval:
    """Return the direction in which the car goes when it does not turn [rad], left of where the camera looks.

    The slope by yaw takes up that the car turns about another point than the camera's foot.
    """
    x, y, yaw = fit.motions[:, :3].T
    design, seen = np.stack([np.ones(len(x)), yaw], 1), np.arctan2(y, x)
    units, count = np.array([pair.unit for pair in found.pairs]), len(found.units)
    gram = np.array([design[units == k].T @ design[units == k] for k in range(count)])
    moment = np.array([design[units == k].T @ seen[units == k] for k in range(count)])
    bootstrap = Bootstrap(count)
    value = float(np.linalg.solve(gram.sum(0), moment.sum(0))[0])
    sums = np.einsum("ru,uij->rij", bootstrap.weights, gram) + 1e-9 * np.eye(2)
    drawn = np.linalg.solve(sums, (bootstrap.weights @ moment)[..., None])[:, 0, 0]
    low, high = bootstrap.interval(value, drawn) or (None, None)
    return Interval(value, low, high)
