"""What a sensor ladder is asked for; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from sim2real.training.pretrain_config import DistillationConfig
from sim2real.training.teacher_config import TeacherConfig
from sim2real.transfer.adapt_config import AdaptConfig

PLANS = ("sensor-shift", "feature-extraction", "full")


@dataclass(frozen=True)
class LadderConfig:
    """What `sim2real ladder` does.

    Attributes:
        dataset: recordings to learn from.
        test: recordings to judge by.
        task: pretrained on, once per rung.
        frames: numbers of frames to adapt on, comma-separated.
        seeds: times that every fit is repeated.
        smooth: s to either side over which people's actions are averaged; None: as the task has it.
        pretrain: frames that each rung's policy is pretrained on.
        teacher: folder of a `train` run; None: one is trained.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    test: Annotated[str, tyro.conf.arg(metavar="TEST")]
    task: str = "LaneFollow"
    frames: str = "100,300"
    seeds: int = 3
    smooth: float | None = None
    pretrain: int = 60_000
    teacher: str | None = None
    teacher_config: TeacherConfig = field(default_factory=TeacherConfig)

    def __post_init__(self) -> None:
        self.adaptation(Path())
        DistillationConfig(frames=self.pretrain)

    def adaptation(self, checkpoint: Path) -> AdaptConfig:
        """Return the settings of one rung's adaptation: all plans at all numbers of frames."""
        return AdaptConfig(
            *(checkpoint, self.dataset, PLANS[0], self.test),
            curve=self.frames,
            candidates=",".join(PLANS[1:]),
            seeds=self.seeds,
            smooth=self.smooth,
        )
