"""Settings of a transfer matrix; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass

from sim2real.errors import InputError
from sim2real.models import Checkpoint
from sim2real.transfer.adapt_config import AUTO_PLANS, AdaptConfig, Overrides, frame_counts

ALL = "all"
QUICK = 200  # gradient steps of a fit in a first look


@dataclass(frozen=True)
class MatrixConfig:
    """Settings of `sim2real matrix`.

    Attributes:
        policies: pretrained policies, or the runs that pretrained them, or names of shipped policies
            (`sim2real models --help`).
        recordings: datasets to learn from, each with a dataset to test on after a comma, LEARN,TEST; without one, some
            of the dataset's blocks are held out for testing.
        frames: numbers of frames to adapt on, comma-separated, spread evenly over a dataset; `all` is all of it.
        candidates: further plans to compare with those of `auto`, comma-separated.
        seeds: number of repetitions of every fit.
        updates: number of gradient steps of a fit, as for `adapt`; None: the plans' numbers.
        quick: a first look: the largest of the numbers of frames only, and 200 gradient steps per fit
            (more where a plan demands several passes over many frames).
        smooth: recorded actions are averaged over ± this many seconds; None: the task's value.
        hold_out: share of a dataset's frames held out for testing if it has no test dataset.
    """

    policies: tuple[Checkpoint, ...] = ()
    recordings: tuple[str, ...] = ()
    frames: str = "100,300"
    candidates: str | None = None
    seeds: int = 1
    updates: int | None = None
    quick: bool = False
    smooth: float | None = None
    hold_out: float = 0.3

    def __post_init__(self) -> None:
        if not self.policies or not self.recordings:
            raise InputError("a matrix needs at least one of --policies and one of --recordings")
        for name, values in (("policy", self.policies), ("recording", self.recordings)):
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise InputError(f"the {name} {twice[0]} is listed twice")
        for recording in self.recordings:
            if not 1 <= len(recording.split(",")) <= 2 or not all(recording.split(",")):
                raise InputError(f"a recording is DATASET, or LEARN,TEST, not {recording!r}")
        if not self.sizes:
            raise InputError("--frames needs at least one number")
        self.adaptation(self.policies[0], self.recordings[0])

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """Return the numbers of frames in ascending order; None, at the end, is all."""
        parts = [part.strip() for part in self.frames.split(",") if part.strip()]
        numbers = [part for part in parts if part != ALL]
        counted = frame_counts(",".join(numbers), "--frames") if numbers else []
        sizes = (*counted, *([None] if ALL in parts else []))
        return sizes[-1:] if self.quick else sizes

    def adaptation(self, policy: Checkpoint, recording: str, frames: int | None = None) -> AdaptConfig:
        """Return the settings of one cell: the plan that `auto` chooses, beside the plans that it may choose."""
        dataset, _, test = recording.partition(",")
        plans = list(AUTO_PLANS) + (self.candidates.split(",") if self.candidates else [])
        return AdaptConfig(
            *(policy, dataset, "auto", test or None, frames),
            candidates=",".join(dict.fromkeys(plans)),
            seeds=self.seeds,
            smooth=self.smooth,
            hold_out=self.hold_out,
            overrides=Overrides(updates=min(self.updates or QUICK, QUICK) if self.quick else self.updates),
        )
