"""LeRobot's units of joints, and how to infer them from a recording.

A servo counts integer ticks, 4096 per turn, and LeRobot converts them after calibration: in its degrees mode a tick is
360/4095 units for every joint; in its normalized mode the calibrated range of a joint becomes -100…100, whatever its
angle (0…100 for a gripper, in both modes). So the spacing of a joint's values shows the mode and the number of units
per turn, neither of which is stored in the dataset.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.errors import InputError

TICKS = 4096  # per turn
DEGREE_TICK = 360 / (TICKS - 1)  # as in LeRobot's division
FINEST, COARSEST = 0.023, 0.45  # units per tick: a gripper of a whole turn, and a joint of a tenth of one
DISTINCT = 24  # minimum number of values to show a spacing
CLEAR = 0.85  # minimum score of a true spacing


@dataclass(frozen=True)
class JointUnits:
    """radians = zero + scale * value, per joint.

    Attributes:
        mode: "degrees" or "normalized"; the gripper is 0…100 in both.
        scale: (J,) rad per unit.
        zero: (J,) rad at value 0.
        assumed: names of the joints without a visible spacing, which get the scale of the model's range.
    """

    mode: str
    scale: tuple[float, ...]
    zero: tuple[float, ...]
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.scale) != len(self.zero) or not all(np.isfinite(s) and s > 0 for s in self.scale):
            raise InputError(f"units need one positive scale and one zero per joint, not {self.scale}, {self.zero}")

    def to_radians(self, values: np.ndarray) -> np.ndarray:
        """Convert LeRobot's values (..., J) to rad."""
        return np.asarray(values, float) * self.scale + self.zero

    def from_radians(self, radians: np.ndarray) -> np.ndarray:
        """Convert rad (..., J) to LeRobot's values."""
        return (np.asarray(radians, float) - self.zero) / self.scale


def spacing(values: np.ndarray) -> float | None:
    """Estimate units per tick from all values (n,) of a joint; None if there are too few.

    On a circle of circumference q, all multiples of q coincide, as they do for q/2, q/3, …; the spacing is the largest
    q for which the values coincide.
    """
    distinct = np.unique(np.round(np.asarray(values, float), 4))
    if len(distinct) < DISTINCT:
        return None
    # Random values, as every n-th would have its own spacing; the ends for precision.
    inner = np.random.default_rng(0).permutation(len(distinct) - 2)[:250] + 1
    offsets = distinct[[0, *inner, -1]] - distinct[0]
    # Fine enough that the farthest value turns by an eighth between neighbours.
    frequencies = np.arange(1 / COARSEST, 1 / FINEST, 1 / (8 * offsets.max()))
    parts = np.array_split(frequencies, len(frequencies) // 4000 + 1)
    score = np.concatenate([_score(offsets, part) for part in parts])
    peaks = 1 + np.flatnonzero((score[1:-1] >= score[:-2]) & (score[1:-1] >= score[2:]))
    peaks = peaks[score[peaks] > max(CLEAR, 0.93 * score.max())]
    if not len(peaks):
        return None
    around = frequencies[peaks[0]] + np.linspace(-1, 1, 401) / (8 * offsets.max())
    return float(1 / around[np.argmax(_score(offsets, around))])


def _score(values: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return how well values (n,) agree in phase at frequencies (m,) [1/unit]; 1 is perfect."""
    return np.abs(np.exp(2j * np.pi * values[:, None] * frequencies).mean(0))


def check_values(values: np.ndarray, names: Sequence[str], gripper: str | None, source: str) -> None:
    """Refuse values (n, J) that are in none of LeRobot's modes.

    Raises:
        InputError: the values look like radians, ticks, or something else.
    """
    reach = np.abs(values).max(0)
    body = [j for j, name in enumerate(names) if name != gripper]
    if reach.max() > 400 or reach[body].max() > 200:
        j = int(np.argmax(reach))
        looks = "raw ticks" if reach.max() > 400 else "no unit of LeRobot"
        raise InputError(f"{source}: {names[j]} reaches {values[:, j][np.abs(values[:, j]).argmax()]:.4g}, which is"
                         f" {looks}; joints must be in degrees or -100…100, a gripper in 0…100")  # fmt: skip
    # Without the gripper, which is often in 0…100 even if the other joints are in radians.
    if reach[body].max() <= 2 * np.pi and np.ptp(values[:, body], axis=0).max() > 0.1:
        which = "no joint" if gripper is None else f"no joint but the {gripper}"
        raise InputError(f"{source}: {which} goes beyond {reach[body].max():.3g}, which looks like radians; joints must"
                         " be in degrees or -100…100, a gripper in 0…100")  # fmt: skip
    if gripper is not None:
        j = list(names).index(gripper)
        if values[:, j].min() < -15 or values[:, j].max() > 115:
            raise InputError(f"{source}: {gripper} goes from {values[:, j].min():.4g} to {values[:, j].max():.4g}; a"
                             " gripper must be in 0…100")  # fmt: skip


def read_units(
    values: np.ndarray, names: Sequence[str], gripper: str | None, limits: np.ndarray, degrees: bool = False
) -> JointUnits:
    """Infer the units of measured values (n, J) from their spacing.

    Args:
        limits: (J, 2) limits of the model [rad], for joints that moved too little to show a spacing; they get the mode
            of the others, over the model's range.
        degrees: whether the values are known to be in degrees, unrounded.
    """
    if degrees:
        scale = [
            (h - lo) / 100 if name == gripper else np.pi / 180 for name, (lo, h) in zip(names, limits, strict=True)
        ]
        zeros = [lo if name == gripper else 0.0 for name, (lo, _) in zip(names, limits, strict=True)]
        return JointUnits("degrees", tuple(map(float, scale)), tuple(map(float, zeros)))
    spacings = [spacing(column) for column in values.T]
    body = [j for j, name in enumerate(names) if name != gripper]
    shown = [spacings[j] for j in body if spacings[j] is not None]
    if shown:
        degrees = all(abs(q / DEGREE_TICK - 1) < 2e-3 for q in shown if q)
    else:
        degrees = float(np.abs(values[:, body]).max()) > 100.5
    scale, zero = [], []
    for name, tick, (low, high) in zip(names, spacings, limits, strict=True):
        span = (high - low) / (100 if name == gripper else 200)
        usual = np.pi / 180 if degrees and name != gripper else span
        scale.append(float(usual if tick is None else 2 * np.pi / TICKS / tick))
        zero.append(float(low) if name == gripper else 0.0)
    assumed = tuple(name for name, q in zip(names, spacings, strict=True) if q is None)
    return JointUnits("degrees" if degrees else "normalized", tuple(scale), tuple(zero), assumed)
