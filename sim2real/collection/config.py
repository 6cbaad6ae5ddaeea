"""Settings and result of recording; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sim2real.errors import InputError
from sim2real.models import Checkpoint
from sim2real.rehearsal.preset import check_layout, rehearsal_preset
from sim2real.robots.hardware import Hardware
from sim2real.seeds import RECORDING, SIMULATED_RECORDING

SECONDS, LONGEST = 20.0, 120.0  # s: the default and the maximum length of an episode
LAP = 30.0  # s: the default on one layout, over a lap of most, and as long as episodes of an evaluation


@dataclass(frozen=True)
class RecordConfig:
    """Settings of `sim2real record`.

    Attributes:
        on: record the rehearsal robot, the plain simulation, or hardware that a person moves by keys.
        task: name of a registered task; on hardware it tells the kind of robot: its joints, units and rate.
        teacher: the teacher that acts: a `train` run, or a `pretrain` run that trained its own teacher.
        episodes: number of episodes.
        seconds: maximum length of an episode [s]; a task may end it sooner. None: 20, with a layout 30.
        seed: seed of the first episode; later episodes have the next seeds. The same seed gives the same recording.
            None: the first seed that no training and no test uses.
        keep_failed: keep episodes that ended in failure, too; otherwise they are recorded again. Episodes of the driver
            are always kept.
        checkpoint: with --on sim, a policy that acts in place of a teacher: a folder, a run, or the name of a
            shipped one (`sim2real models --help`); without both, actions are random.
        randomization: with --on sim, a preset of the task, or a TOML file; with --on rehearsal, another rehearsal
            robot: rehearsal-walls, rehearsal-tape or rehearsal-gloss (LaneFollow).
        layout: with --on rehearsal, number of one world for all episodes, as at a real venue: one track, car, camera
            and look (LaneFollow), the same as of `evaluate --layout`. Episodes start anywhere, in both directions. The
            truth about it is written to `truth/` in the dataset's folder. None: every episode draws its own world.
        hardware: settings for `--on robot`.
        resume: with --on robot, append to the dataset of an interrupted recording until it has that many episodes.

    Raises:
        InputError: no episode, a length out of range, a negative seed, or settings that exclude each other.
    """

    on: Literal["rehearsal", "sim", "robot"] = "rehearsal"
    task: str = "LaneFollow"
    teacher: Path | None = None
    episodes: int = 20
    seconds: float | None = None
    seed: int | None = None
    keep_failed: bool = False
    checkpoint: Checkpoint | None = None
    randomization: str = "none"
    layout: int | None = None
    hardware: Annotated[Hardware, tyro.conf.arg(name="")] = field(default_factory=Hardware)
    resume: bool = False

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise InputError(f"episodes must be at least 1, not {self.episodes}")
        if not 0.1 <= self.longest <= LONGEST:
            raise InputError(f"seconds must be from 0.1 to {LONGEST:g}, not {self.longest:g}")
        if self.first_seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        check_layout(self.layout, self.on)
        if self.on != "robot" and (self.hardware != Hardware() or self.resume):
            raise InputError("--robot, --port, --camera, --calibration, --move and --resume are for --on robot")
        if self.on == "robot":
            theirs = self.teacher, self.seed, self.checkpoint
            if theirs != (None, None, None) or self.randomization != "none":
                raise InputError(
                    "--teacher, --checkpoint, --seed and --randomization are not for --on robot: you move it"
                )
        elif self.on == "sim":
            if self.keep_failed or self.longest != SECONDS:
                options = "--seconds and --keep-failed are for --on rehearsal"
                raise InputError(f"{options}: in simulation the task ends episodes")
            if self.teacher is not None and self.checkpoint is not None:
                raise InputError("give either --teacher or --checkpoint, not both")
        elif self.checkpoint is not None:
            raise InputError("--checkpoint is for --on sim: a simulated operator moves the rehearsal robot")
        else:
            rehearsal_preset(self.randomization, "none")  # raises an error

    @property
    def preset(self) -> str:
        """Return the preset of the rehearsal robot; raises InputError for one of the plain simulation."""
        return rehearsal_preset(self.randomization, "none")

    @property
    def longest(self) -> float:
        """Return the maximum length of an episode [s]."""
        usual = SECONDS if self.layout is None else LAP
        return usual if self.seconds is None else self.seconds

    @property
    def first_seed(self) -> int:
        """Return the seed of the first episode."""
        usual = SIMULATED_RECORDING if self.on == "sim" else RECORDING
        return usual.start if self.seed is None else self.seed


@dataclass(frozen=True)
class RecordResult:
    """A finished recording.

    Attributes:
        folder: folder of the dataset.
        lengths: number of frames of each episode.
        tried: number of episodes that were tried, failures included.
        successes: number of successful ones among them.
        full_length: whether episodes lasted as long as the task allows, so that the success rate is the task's own.
        by: name of the operator, for output.
        interrupted: whether Ctrl-C ended it early; only a recording on hardware is kept then.
    """

    folder: Path
    lengths: tuple[int, ...]
    tried: int
    successes: int
    full_length: bool
    by: str
    interrupted: bool = False
