"""Settings of the identification of a sensor; imports neither a simulator nor torch, so that `--help` is quick."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from sim2real.errors import InputError

FEWEST_FRAMES = 60


@dataclass(frozen=True)
class SensorConfig:
    """Settings of `sim2real identify sensor`.

    Attributes:
        dataset: recordings, LeRobot v3.0, with images; no labels are used; select episodes in brackets: path[0:17].
        task: the task whose rendered frames are compared with the recordings.
        frames: number of recorded frames, spread evenly over the recordings.
        worlds: number of worlds that are rendered, each with its own materials and light.
        seed: seed of the worlds and of the noise.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    task: str = "LaneFollow"
    frames: int = 600
    worlds: int = 96
    seed: int = 0

    def __post_init__(self) -> None:
        if self.frames < FEWEST_FRAMES:
            raise InputError(f"frames must be at least {FEWEST_FRAMES}, not {self.frames}")
        if self.worlds < 16:
            raise InputError(f"worlds must be at least 16, not {self.worlds}: they tell what the scene can explain")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
