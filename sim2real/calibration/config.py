"""Settings of calibrations; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sim2real.errors import InputError

FEWEST_PAIRS = 24


@dataclass(frozen=True)
class CameraConfig:
    """Settings of `sim2real calibrate camera`.

    Attributes:
        dataset: recordings of a car, LeRobot v3.0; select episodes in brackets: path[0:17].
        camera: JSON file with the calibration to start from (width, height, fx, fy, cx, cy, distortion, model); None:
            the camera of the task LaneFollow.
        height: of the camera above the ground [m]; images cannot tell it: it is the scale of everything.
        pitch: of the camera down from the horizon, to start from [rad].
        ahead: distance of the camera ahead of the car's middle [m]; images cannot tell it.
        pairs: number of pairs of frames that are made to agree.
        hold_out: share of the pairs that judge the fit, in blocks of time.
        seed: which blocks are held out.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    camera: Path | None = None
    height: float = 0.2215
    pitch: float = 0.376
    ahead: float = 0.05
    pairs: int = 100
    hold_out: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.02 <= self.height <= 2:
            raise InputError(f"height must be 0.02 to 2 m, not {self.height}")
        if not 0 < self.pitch < 1.5:
            raise InputError(f"pitch must be between 0 and 1.5 rad, down, not {self.pitch}")
        if self.pairs < FEWEST_PAIRS:
            raise InputError(f"pairs must be at least {FEWEST_PAIRS}, not {self.pairs}")
        if not 0.1 <= self.hold_out <= 0.5:
            raise InputError(f"hold_out must be 0.1 to 0.5, not {self.hold_out}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")

    @property
    def task(self) -> str:
        """Return the name for the run's folder."""
        return Path(self.dataset.partition("[")[0]).name
