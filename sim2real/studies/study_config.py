"""Settings of a study; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from sim2real.errors import InputError
from sim2real.models import Checkpoint, absolute
from sim2real.studies.transfer_config import TransferConfig
from sim2real.studies.trunk_config import TrunkConfig
from sim2real.training.teacher_config import TeacherConfig

PARTS = ("shared-trunk", "similarity-size", "freeze-depth", "learning-rate")
TASK, SHIPPED = "LaneFollow", "lane-follow"
SEEDS, ALL_SEEDS = (0, 1, 2), (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class StudyConfig:
    """Settings of `sim2real study`.

    Attributes:
        full: the whole grid, instead of what takes 90 minutes on two cores.
        parts: the parts to measure.
        seeds: number of repetitions, with the seeds 0, 1, …; 0: 3, with `full` 5.
        teacher: folder of a `train` run that labels frames; None: train one first, inside this run.
        policy: pretrained policy, or the run that pretrained it: it drives a share of the worlds while frames are
            collected; None: the teacher alone drives. It is also the one that is adapted; None: the shipped
            policy lane-follow.
        transfer: settings of the parts similarity-size, freeze-depth and learning-rate.
        trunk: settings of the part shared-trunk.
        teacher_config: settings of the teacher that is trained if none is given.
    """

    full: bool = False
    parts: tuple[str, ...] = PARTS
    seeds: int = 0
    teacher: Path | None = None
    policy: Checkpoint | None = None
    transfer: TransferConfig = field(default_factory=TransferConfig)
    trunk: TrunkConfig = field(default_factory=TrunkConfig)
    teacher_config: TeacherConfig = field(default_factory=TeacherConfig)

    def __post_init__(self) -> None:
        for part in self.parts:
            if part not in PARTS:
                raise InputError(f"no part {part!r} of the study; valid: {', '.join(PARTS)}")
        if not self.parts or len(set(self.parts)) < len(self.parts):
            raise InputError(f"--parts needs at least one of {', '.join(PARTS)}, each once")
        if self.seeds < 0:
            raise InputError(f"seeds must be at least 1, or 0 for the usual number, not {self.seeds}")
        self.transfer.check()
        self.trunk.check()

    def located(self) -> "StudyConfig":
        """Return the settings with absolute paths, so that a run can be resumed from another folder."""
        teacher = self.teacher and self.teacher.absolute()
        return replace(self, teacher=teacher, policy=self.policy and absolute(self.policy))

    @property
    def drawn(self) -> tuple[int, ...]:
        """Return the seeds."""
        return tuple(range(self.seeds)) if self.seeds else ALL_SEEDS if self.full else SEEDS

    @property
    def pretrained(self) -> Checkpoint:
        """Return the policy that is adapted."""
        return self.policy or SHIPPED
