"""Settings of an identification; imports neither a simulator nor SciPy, so that `--help` is quick."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from sim2real.errors import InputError


@dataclass(frozen=True)
class IdentifyConfig:
    """Settings of `sim2real identify`.

    Attributes:
        robot: the recorded robot: so101.
        dataset: recordings, LeRobot v3.0, with action and observation.state; select episodes in brackets: path[0:17].
        held_out: share of the episodes that are held out from fitting.
        seed: seed of the split.
        frames: maximum number of frames to fit, from episodes drawn at random.
        threads: number of simulation threads.
    """

    robot: Annotated[str, tyro.conf.arg(metavar="ROBOT")]
    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    held_out: float = 0.3
    seed: int = 0
    frames: int = 9000
    threads: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise InputError(f"held-out must be between 0 and 1, not {self.held_out}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        if self.frames < 100:
            raise InputError(f"frames must be at least 100, not {self.frames}")
        if self.threads < 1:
            raise InputError(f"threads must be at least 1, not {self.threads}")

    @property
    def task(self) -> str:
        """Return the robot's name, for the run's folder."""
        return self.robot
