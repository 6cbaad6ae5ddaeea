"""Settings of a sensor ladder; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from sim2real.training.pretrain_config import DistillationConfig
from sim2real.training.teacher_config import TeacherConfig
from sim2real.transfer.adapt_config import AdaptConfig, frame_counts

PLANS = ("sensor-shift", "feature-extraction", "full")


@dataclass(frozen=True)
class LadderConfig:
    """Settings of `sim2real ladder`.

    Attributes:
        dataset: recordings to learn from.
        test: recordings for testing.
        task: task to pretrain on, once per rung.
        frames: numbers of frames to adapt on, comma-separated.
        seeds: number of repetitions of every fit.
        smooth: recorded actions are averaged over ± this many seconds; None: the task's value.
        pretrain: number of frames to pretrain each rung's policy on.
        teacher: folder of a `train` run; None: train one.
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
        frame_counts(self.frames, "--frames")
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
