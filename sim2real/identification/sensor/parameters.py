"""The parameters of a sensor that frames can tell of, their scales, and what is plausible before any frame."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Parameter:
    """A sensor's parameter on an unbounded scale z, on which its prior is normal.

    Attributes:
        field: name as in `envs.SensorConfig`.
        component: of white_balance; None: a scalar.
        middle: median before any frame.
        spread: standard deviation of the logarithm, or of the logit.
        most: largest value, on a logit scale; None: a logarithmic scale.
        least: values up to it cannot be told from none: a Gaussian of 0.4 px moves 4 % of the light to a neighbour.
        unit: unit of the value.
        widen: factor of the standard error that Fisher information and bootstrap give, fitted on drawn sensors.
        covered: of CHECKED other drawn sensors, how many 90 % intervals, so widened, hold the truth.
    """

    field: str
    middle: float
    spread: float
    most: float | None = None
    least: float = 0.0
    component: int | None = None
    unit: str = ""
    widen: float = 1.0
    covered: int = 0

    @property
    def name(self) -> str:
        """Return the name for people and files."""
        return self.field if self.component is None else f"{self.field}[{self.component}]"

    @property
    def start(self) -> float:
        """Return z of the median."""
        return self.inverse(self.middle)

    def inverse(self, value: float) -> float:
        """Return z of a value; one nearer than `least` to an end of the scale counts as `least` away from it."""
        value = max(value, self.least)
        if self.most is None:
            return math.log(value)
        value = min(value, self.most - self.least)
        return math.log(value / (self.most - value))

    def ends(self, z: float, reach: float) -> tuple[float, float]:
        """Return the interval of the value at z ± reach; what comes nearer than `least` to an end reaches it."""
        low, high = (float(self.value(torch.tensor(z + side * reach))) for side in (-1, 1))
        full = self.most is not None and high > self.most - self.least
        return 0.0 if low <= self.least else low, self.most if full and self.most is not None else high

    def value(self, z: Tensor) -> Tensor:
        """Return the value at z."""
        return torch.exp(z) if self.most is None else self.most * torch.sigmoid(z)


MIDDLE = 85.0  # level at which the noise is stated: there recordings tell of it, at 0 they do not

PARAMETERS = (
    Parameter("exposure", 1.0, 0.4, widen=2.4, covered=10),
    Parameter("white_balance", 1.0, 0.2, component=0, widen=1.7, covered=10),
    Parameter("white_balance", 1.0, 0.2, component=2, widen=1.7, covered=10),
    Parameter("gamma", 1.0, 0.25, widen=1.6, covered=9),
    Parameter("contrast", 1.0, 0.2, widen=1.2, covered=8),
    Parameter("saturation", 1.0, 0.3, widen=1.3, covered=8),
    Parameter("vignette", 0.3, 1.2, most=0.9, least=0.03, widen=4.2, covered=10),
    Parameter("defocus", 0.7, 0.6, least=0.4, unit="px", widen=1.6, covered=9),
    Parameter("motion_blur", 2.2, 1.2, most=8.0, least=0.25, unit="px", widen=1.0, covered=8),
    Parameter("noise", 4.1, 0.8, unit="levels", widen=1.8, covered=8),
    Parameter("shot_share", 0.45, 1.2, most=1.0, least=0.03, widen=2.9, covered=10),
)
"""Priors are wider than the default randomization, since a recorded sensor need not be one of those; the gain of green
is 1, as only its product with the exposure is seen. Noise is the standard deviation at the level MIDDLE, of whose
variance shot noise is a share: its sum with read noise shows in frames, the two apart hardly do."""

CHECKED = 10
TOLD = ("defocus", "motion_blur", "noise")
"""Parameters that may count as identified. The others are fitted along, and their widened intervals hold the truth, but
are nearly as wide as what is plausible before any frame: light and materials pass for colours and tone, walls and mats
for a vignette (tests/benchmarks/sensors.py)."""

NAMES = tuple(parameter.name for parameter in PARAMETERS)
START = torch.tensor([parameter.start for parameter in PARAMETERS])
SPREAD = torch.tensor([parameter.spread for parameter in PARAMETERS])


def values_of(z: Tensor) -> dict[str, Tensor]:
    """Return the sensor's values by field, for `form`, at z (D,)."""
    values = {p.field: p.value(z[k]) for k, p in enumerate(PARAMETERS) if p.component is None}
    red, blue = (p.value(z[k]) for k, p in enumerate(PARAMETERS) if p.component is not None)
    noise, share = values.pop("noise"), values.pop("shot_share")
    values |= {"read_noise": noise * torch.sqrt(1 - share), "shot_noise": noise * torch.sqrt(share / MIDDLE)}
    return values | {"white_balance": torch.stack([red, torch.ones_like(red), blue])}
