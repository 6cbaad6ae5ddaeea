"""Settings of a probe; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from sim2real.errors import InputError
from sim2real.models import Checkpoint, short_name
from sim2real.recordings.smoothing import check_smoothing

FEWEST_SIMULATED = 100  # frames


@dataclass(frozen=True)
class ProbeConfig:
    """Settings of `sim2real probe`.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained it, or the name of a shipped policy
            (`sim2real models --help`).
        dataset: recordings, LeRobot v3.0; select episodes in brackets: path[0:17].
        smooth: recorded actions are averaged over ± this many seconds; None: the task's value.
        simulated: number of simulated frames to compare with.
    """

    checkpoint: Annotated[Checkpoint, tyro.conf.arg(metavar="CHECKPOINT")]
    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    smooth: float | None = None
    simulated: int = 960

    def __post_init__(self) -> None:
        check_smoothing(self.smooth)
        if self.simulated < FEWEST_SIMULATED:
            raise InputError(f"simulated must be at least {FEWEST_SIMULATED} frames, not {self.simulated}")

    @property
    def task(self) -> str:
        """Return the name for the run's folder."""
        return short_name(self.checkpoint)
