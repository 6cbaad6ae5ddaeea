"""Uncertainty of parameters: intervals from a sandwich covariance over episodes.

Residuals of an episode are correlated, and the model is not exact, so the covariance is (DᵀD)⁻¹ (Σ sₑ sₑᵀ) (DᵀD)⁻¹
with the Jacobian D and the score sₑ = Dₑᵀ rₑ of each episode e (White 1982; Liang & Zeger 1986).
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student_t

from sim2real.identification.fit import COORDINATES, NAMES, Problem

FEW = 8  # clusters, of which a variance can be had; of fewer episodes, stretches stand in for them
STRETCHES = (5.0, 4.0, 3.0, 2.0, 1.0)  # s; the longest that makes enough of them
# Half interval beyond which a parameter counts as unknown: a factor of its value, or rad, s.
TOLERANCE = {"delay": 0.03, "backlash": 0.015, "offset": 0.02, "object": 0.05}
FACTOR = np.log(2.5)
# Order in which to fix parameters that a log does not separate: those best known from the maker first.
ORDER = ("armature", "torque", "friction", "offset", "delay", "backlash", "damping", "gain", "object")


def clusters(lengths: Sequence[int], fps: float) -> np.ndarray:
    """Return (N,) the cluster of each row: its episode, or a part of it if there are few episodes."""
    parts = [1] * len(lengths)
    for stretch in STRETCHES:
        if sum(parts) >= FEW:
            break
        parts = [max(1, round(length / (stretch * fps))) for length in lengths]
    ends = np.cumsum(parts)
    of = [end - n + np.arange(length) * n // length for end, n, length in zip(ends, parts, lengths, strict=True)]
    return np.concatenate(of)


def compensated(problem: Problem, x: np.ndarray, derivative: np.ndarray, j: int, k: int, change: float) -> np.ndarray:
    """Return coordinates (K,) of joint j after a change of coordinate k, compensated by the free ones."""
    columns = np.flatnonzero(problem.free[j] & (np.arange(x.shape[1]) != k) & (derivative[:, j] != 0).any(0))
    moved = x[j].copy()
    moved[k] += change
    if len(columns):
        own = derivative[:, j, columns]
        scale = np.sqrt((own**2).sum(0))
        move = np.linalg.lstsq(own / scale, -derivative[:, j, k] * change, rcond=1e-3)[0] / scale
        moved[columns] += np.clip(move, -abs(change) - 0.05, abs(change) + 0.05)
    return np.clip(moved, problem.low, problem.high)


def half_widths(problem: Problem, x: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return half intervals of coordinates x (J, K), and the Jacobian (N, J, K).

    The former are half of the 95 % interval (J, K) of every free coordinate, inf if nothing depends on it or if there
    are too few clusters.
    """
    error, derivative = problem.jacobian(x, central=True)
    count, result = int(cluster.max()) + 1, np.full(x.shape, np.inf)
    if count < FEW:  # at the best fit the scores of one or two clusters sum to zero, so no interval is given
        return result, derivative
    quantile = float(student_t.ppf(0.975, count - 1))
    for j in range(len(x)):
        columns = np.flatnonzero(problem.free[j] & (np.abs(derivative[:, j]) > 1e-12).any(0))
        if not len(columns):
            continue
        jacobian = derivative[:, j, columns]
        scale = np.sqrt((jacobian**2).sum(0))
        unit = jacobian / scale
        values, vectors = np.linalg.eigh(unit.T @ unit)
        inverse = (vectors / np.maximum(values, 1e-9)) @ vectors.T
        score = np.zeros((count, len(columns)))
        np.add.at(score, cluster, unit * error[:, j, None])
        covariance = inverse @ (score.T @ score) @ inverse * count / (count - 1)
        result[j, columns] = quantile * np.sqrt(np.diag(covariance)) / scale
    return result, derivative


def at_bound(problem: Problem, x: np.ndarray) -> np.ndarray:
    """Return (J, K) bool, which coordinates x (J, K) are at a search bound."""
    return np.minimum(x - problem.low, problem.high - x) < 1e-6


def not_identifiable(problem: Problem, x: np.ndarray, half: np.ndarray) -> list[list[str]]:
    """Return, per joint, the free parameters with a too wide interval or at a bound, in the order in which to fix
    them."""
    limit = np.array([FACTOR if c.log else TOLERANCE[c.name] for c in COORDINATES])
    doubtful = problem.free & ((half > limit) | at_bound(problem, x))
    return [[name for name in ORDER if doubtful[j, NAMES.index(name)]] for j in range(len(x))]
