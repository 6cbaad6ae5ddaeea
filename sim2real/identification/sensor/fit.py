"""Fit of a sensor's parameters by synthetic likelihood, with intervals, and what cannot be told apart."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sim2real.identification.sensor.likelihood import SHRINKAGE, Scenes
from sim2real.identification.sensor.parameters import NAMES, PARAMETERS, SPREAD, START, TOLD
from sim2real.progress import Progress, silent
from sim2real.statistics.bootstrap import Bootstrap

ITERATIONS = 6
DERIVED = (1, 3)  # iterations with new derivatives, which cost most of the time
PLACES = 6  # of which derivatives are averaged
KNOWN = 0.5  # of the spread before any frame: with more left, a parameter is not identified
ALIKE = 0.5  # correlation of errors from which on two parameters are said to look alike
REACH = 1.96
STRANGE = 3.0  # misfit from which on recordings look like no rendered scene


@dataclass(frozen=True)
class Identified:
    """One parameter of a sensor.

    Attributes:
        name: its name.
        value, low, high: estimate and 95 % interval.
        error: standard error on the parameter's scale z, of recordings (bootstrap over units) and scene together.
        left: share of the spread before any frame that is left; small is well identified.
        alike: parameters whose errors are correlated by ALIKE or more: frames hardly tell them apart.
    """

    name: str
    value: float
    low: float
    high: float
    error: float
    left: float
    alike: tuple[str, ...]

    @property
    def identified(self) -> bool:
        """Return whether its intervals can be relied on at all, and these frames tell of it."""
        return self.name in TOLD and self.left < KNOWN


@dataclass(frozen=True)
class SensorFit:
    """A fitted sensor.

    Attributes:
        z: (D,) the estimate on the parameters' scales.
        parameters: the estimates.
        correlation: (D, D) of the errors.
        misfit: squared residual per statistic, in variances between scenes; near 1 if recordings look like a scene.
        statistics: (p, K) of the rendered scenes through it.
    """

    z: Tensor
    parameters: tuple[Identified, ...]
    correlation: np.ndarray
    misfit: float
    statistics: Tensor


def covariance(statistics: Tensor) -> Tensor:
    """Return the covariance (K, K) of statistics (p, K), with correlations shrunk towards none."""
    spread = statistics.T.cov()
    own = torch.diag(spread.diagonal())
    return (1 - SHRINKAGE) * spread + SHRINKAGE * own + 1e-3 * torch.eye(len(spread))


def fit_sensor(scenes: Scenes, recorded: Tensor, unit: np.ndarray, progress: Progress = silent) -> SensorFit:
    """Return the most probable sensor (Gauss-Newton), its errors by the Fisher information, and by bootstrap.

    Args:
        recorded: (g, K) statistics of recorded groups.
        unit: (g,) independent unit of each group.
    """
    means = torch.stack([recorded[torch.from_numpy(unit == k)].mean(0) for k in np.unique(unit)])
    wanted, z = means.mean(0), START.clone()
    chosen = np.linspace(0, len(scenes) - 1, min(PLACES, len(scenes))).astype(int)
    jacobian = scenes.jacobian(z, chosen)
    step = _step(scenes, z, wanted, jacobian)
    for k in range(1, ITERATIONS):
        progress(k, ITERATIONS)
        if (step.move.abs() < 0.02 * SPREAD).all():
            break
        z = z + torch.clamp(step.move, -SPREAD, SPREAD) * (1.0 if k < 4 else 0.5)
        jacobian = scenes.jacobian(z, chosen) if k in DERIVED else jacobian
        step = _step(scenes, z, wanted, jacobian)
    progress(ITERATIONS, ITERATIONS)
    errors = step.errors * max(step.misfit, 1.0)
    sampling = _sampling(((means - wanted) @ step.gain.T).numpy())
    return SensorFit(z, _identified(z, errors, sampling, step.move), _correlation(errors), step.misfit, step.statistics)


class _Step(NamedTuple):
    """A Gauss-Newton step `move` (D,), the covariance of errors (D, D), and d move / d statistics (D, K)."""

    move: Tensor
    errors: Tensor
    gain: Tensor
    misfit: float
    statistics: Tensor


def _step(scenes: Scenes, z: Tensor, wanted: Tensor, jacobian: Tensor) -> _Step:
    statistics, prior = scenes.statistics(z), torch.diag(SPREAD**-2)
    weight = torch.linalg.inv(covariance(statistics))
    left = wanted - statistics.mean(0)
    errors = torch.linalg.inv(jacobian.T @ weight @ jacobian + prior)
    gain = errors @ jacobian.T @ weight
    move = gain @ left + errors @ prior @ (START - z)
    return _Step(move, errors, gain, float(left @ weight @ left) / len(left), statistics)


def _sampling(moves: np.ndarray) -> np.ndarray:
    """Return (D,) standard errors of the mean of each unit's pull (units, D) on the estimate; 0 for one unit."""
    bootstrap = Bootstrap(len(moves))
    if len(moves) < 2:
        return np.zeros(moves.shape[1])
    return (bootstrap.weights @ moves / len(moves)).std(0)


def _correlation(errors: Tensor) -> np.ndarray:
    spread = errors.diagonal().sqrt()
    return (errors / spread[:, None] / spread).numpy()


def _identified(z: Tensor, errors: Tensor, sampling: np.ndarray, move: Tensor) -> tuple[Identified, ...]:
    """Return the parameters; the step that a fit broken off would take next counts as an error, too."""
    total = torch.sqrt(errors.diagonal() + torch.from_numpy(sampling).float() ** 2 + move**2)
    total = total * torch.tensor([parameter.widen for parameter in PARAMETERS])
    correlation, found = _correlation(errors), []
    for k, parameter in enumerate(PARAMETERS):
        value, (low, high) = float(parameter.value(z[k])), parameter.ends(float(z[k]), REACH * float(total[k]))
        alike = [NAMES[j] for j in np.flatnonzero(np.abs(correlation[k]) > ALIKE) if j != k]
        left = min(float(total[k] / SPREAD[k]), 1.0)
        found.append(Identified(parameter.name, value, low, high, float(total[k]), left, tuple(alike)))
    return tuple(found)
