"""What recording is asked for, and what came of it; needs neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sim2real.errors import InputError
from sim2real.seeds import RECORDING, SIMULATED_RECORDING

SECONDS, LONGEST = 20.0, 120.0  # s: the usual length of an episode, and the greatest


@dataclass(frozen=True)
class RecordConfig:
    """What `sim2real record` does.

    Attributes:
        on: what is recorded: the rehearsal robot, or the plain simulation.
        task: what is done, a registered task.
        teacher: who does it: a `train` run, or a `pretrain` run that trained a teacher of its own.
        episodes: how many.
        seconds: length of each at most; a task's own end comes sooner where it is shorter.
        seed: of the first episode, the next ones having the next seeds; the same one gives the same recording; None:
            the first of those that nothing is trained or tested with.
        keep_failed: keep episodes that ended in failure, too; otherwise they are recorded anew. A driver's are kept in
            any case, as he just goes on.
        checkpoint: with --on sim, a policy that acts in place of a teacher; random actions without both.
        randomization: with --on sim, a preset of the task, or a TOML file.

    Raises:
        InputError: no episode, one that is too short or too long, a negative seed, or settings that exclude each other.
    """

    on: Literal["rehearsal", "sim"] = "rehearsal"
    task: str = "LaneFollow"
    teacher: Path | None = None
    episodes: int = 20
    seconds: float = SECONDS
    seed: int | None = None
    keep_failed: bool = False
    checkpoint: Path | None = None
    randomization: str = "none"

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise InputError(f"episodes must be at least 1, not {self.episodes}")
        if not 0.1 <= self.seconds <= LONGEST:
            raise InputError(f"seconds must be from 0.1 to {LONGEST:g}, not {self.seconds:g}")
        if self.first_seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        if self.on == "sim":
            if self.keep_failed or self.seconds != SECONDS:
                options = "--seconds and --keep-failed are for --on rehearsal"
                raise InputError(f"{options}: in simulation the task ends episodes")
            if self.teacher is not None and self.checkpoint is not None:
                raise InputError("either a teacher acts or a policy: give --teacher or --checkpoint")
        elif self.checkpoint is not None or self.randomization != "none":
            options = "--checkpoint and --randomization are for --on sim"
            raise InputError(f"{options}: the rehearsal robot has a look of its own")

    @property
    def first_seed(self) -> int:
        """Return the seed of the first episode."""
        usual = SIMULATED_RECORDING if self.on == "sim" else RECORDING
        return usual.start if self.seed is None else self.seed


@dataclass(frozen=True)
class RecordResult:
    """What was recorded.

    Attributes:
        folder: the dataset.
        lengths: frames of each of its episodes.
        tried: episodes that were begun and ended.
        successes: of these.
        full_length: whether episodes lasted as long as the task allows, so that the success rate is the task's own.
        by: who acted, in words.
    """

    folder: Path
    lengths: tuple[int, ...]
    tried: int
    successes: int
    full_length: bool
    by: str
