"""Settings of a camera on a car, and the recordings that it made; imports neither torch nor a simulator."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sim2real.errors import InputError


@dataclass(frozen=True)
class MountedCamera:
    """Recordings of a car, and the camera that made them.

    Attributes:
        dataset: recordings of a car, LeRobot v3.0; select episodes in brackets: path[0:17].
        camera: JSON file with the calibration of the camera (width, height, fx, fy, cx, cy, distortion, model); None:
            the camera of the task LaneFollow.
        height: of the camera above the ground [m]; images cannot tell it: it is the scale of everything.
        pitch: of the camera down from the horizon [rad].
        roll: of the camera, clockwise as it looks [rad].
        ahead: distance of the camera ahead of the car's middle [m]; images cannot tell it.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    camera: Path | None = None
    height: float = 0.2215
    pitch: float = 0.376
    roll: float = 0.0
    ahead: float = 0.05

    def __post_init__(self) -> None:
        if not 0.02 <= self.height <= 2:
            raise InputError(f"height must be 0.02 to 2 m, not {self.height}")
        if not 0 < self.pitch < 1.5:
            raise InputError(f"pitch must be between 0 and 1.5 rad, down, not {self.pitch}")
        if not -0.5 <= self.roll <= 0.5:
            raise InputError(f"roll must be -0.5 to 0.5 rad, not {self.roll}")

    @property
    def task(self) -> str:
        """Return the name for the run's folder."""
        return Path(self.dataset.partition("[")[0]).name
