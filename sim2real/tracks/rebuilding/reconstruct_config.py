"""Settings of a reconstruction; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sim2real.errors import InputError


@dataclass(frozen=True)
class ReconstructConfig:
    """Settings of `sim2real reconstruct`.

    Attributes:
        dataset: recordings of one track, LeRobot v3.0; select episodes in brackets: path[0:17].
        camera: JSON file with the calibration of the camera (width, height, fx, fy, cx, cy, distortion, model); None:
            the camera of the task LaneFollow.
        height: of the camera above the ground [m]; it gives the map its scale.
        pitch: of the camera down from the horizon [rad].
        roll: of the camera, clockwise as it looks [rad].
        ahead: distance of the camera ahead of the car's middle [m].
        hold_out: share of the frames that the map is not made of, in blocks of up to 30 s, to judge it.
        seed: which blocks are held out.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    camera: Path | None = None
    height: float = 0.2215
    pitch: float = 0.376
    roll: float = 0.0
    ahead: float = 0.05
    hold_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.02 <= self.height <= 2:
            raise InputError(f"height must be 0.02 to 2 m, not {self.height}")
        if not 0 < self.pitch < 1.5:
            raise InputError(f"pitch must be between 0 and 1.5 rad, down, not {self.pitch}")
        if not -0.5 <= self.roll <= 0.5:
            raise InputError(f"roll must be -0.5 to 0.5 rad, not {self.roll}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        if not 0 <= self.hold_out <= 0.5:
            raise InputError(f"hold_out must be 0 to 0.5, not {self.hold_out}")

    @property
    def task(self) -> str:
        """Return the name for the run's folder."""
        return Path(self.dataset.partition("[")[0]).name
