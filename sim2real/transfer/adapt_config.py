"""Settings of an adaptation; imports neither torch nor a simulator, so that `--help` is quick."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from sim2real.errors import InputError
from sim2real.models import Checkpoint, absolute, short_name
from sim2real.recordings.smoothing import check_smoothing
from sim2real.statistics.units import FEWEST
from sim2real.transfer.fitting.plans import TransferPlan, find_plan

AUTO_PLANS = ("sensor-shift", "strange-place")
"""The plans that `auto` chooses from, controls aside: near and far. The first is taken where it cannot choose."""

UNLABELLED = "unlabelled"
"""The control that --unlabelled adds: zero-shot, aligned with frames without actions."""


@dataclass(frozen=True)
class Overrides:
    """Settings that replace those of the plan.

    Attributes:
        learning_rate: learning rate of parts with factor 1.
        rates: learning-rate factor by part, in place of the plan's: stem=1,stage1=0.5,head=0.1 (0 freezes).
        updates: number of gradient steps, also for training from scratch; limited to between `passes` and `most_passes`
            passes over the frames, which are settings of the plan.
        l2sp: strength of the L2 penalty on the distance to the pretrained weights.
        ema: decay of the averaged weights.
        augment: strength of the photometric augmentation, 0 … 1.
        rescale: start with the gain and offset that fit the recordings; by default only where drivers have individual
            action scales.
        align: first estimate the pose of the recorded camera.
        mirror: also train on mirrored frames.
        cotrain: share of simulated frames in a batch.
        views: also train on views from beside the driven line.
        recovery: share of frames from beside the line of a rebuilt track (--track) among the recorded ones in a batch.
    """

    learning_rate: float | None = None
    rates: str | None = None
    updates: int | None = None
    l2sp: float | None = None
    ema: float | None = None
    augment: float | None = None
    rescale: bool | None = None
    align: bool | None = None
    mirror: bool | None = None
    cotrain: float | None = None
    views: bool | None = None
    recovery: float | None = None

    def on(self, plan: TransferPlan) -> TransferPlan:
        """Return the plan with these settings; raises InputError for a number out of range."""
        changes = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        if self.rates is not None:
            changes["rates"] = {**plan.rates, **_rates(self.rates)}
        return dataclasses.replace(plan, **changes)


def _found(name: str) -> TransferPlan:
    """Find a plan; the error for an unknown one says where the plans are described."""
    try:
        return find_plan(name)
    except InputError as error:
        if ".toml" in name:
            raise
        raise InputError(f"{error} (`sim2real adapt --help` describes the plans)") from None


def _rates(text: str) -> dict[str, float]:
    try:
        pairs = (entry.split("=") for entry in text.split(","))
        return {part.strip(): float(rate) for part, rate in pairs}
    except ValueError:
        raise InputError(f"rates must be like stem=1,head=0.1, not {text!r}") from None


def frame_counts(text: str, option: str) -> list[int]:
    """Return numbers of frames in ascending order, from text such as 50,100,300.

    Args:
        option: the command's option, for the error.

    Raises:
        InputError: not numbers, or a number below 1.
    """
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise InputError(f"{option} must be numbers with commas between, 50,100,300, not {text!r}") from None
    if counts[0] < 1:
        raise InputError(f"{option} needs at least 1 frame, not {counts[0]}")
    return counts


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of `sim2real adapt`.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained it, or the name of a shipped policy
            (`sim2real models --help`).
        dataset: recordings to learn from, LeRobot v3.0; select episodes in brackets: path[0:17].
        plan: auto: the one with the smallest expected error, by cross-validation (sensor-shift if the policy's task is
            not registered, so that there are no simulated frames); gain, feature-extraction, sensor-shift, top-layers,
            generic-features, full, scratch, strange-place, unlabelled; or your own: plans.toml:name.
        test: recordings for testing, which nothing is learned from; None: some of the dataset's episodes are held out.
        frames: number of frames to learn from, spread evenly over the recordings; None: all. For the first seconds of
            a drive, select episodes: DATASET[0:1].
        curve: numbers of frames at which all candidates are compared, comma-separated: 50,100,300.
        candidates: further plans to compare with the plan, comma-separated.
        seeds: number of repetitions of every fit, each with its own choice of frames; weights are averaged if that is
            no worse.
        smooth: recorded actions are averaged over ± this many seconds; None: the task's value.
        hold_out: share of the dataset's frames held out for testing when there is no --test; after the decision the
            output is fitted to all frames.
        unlabelled: recordings whose images alone are used, of which DATASET may be a part: adds a candidate that is
            aligned with them. Episodes for testing are left out.
        interventions: recordings of `evaluate --on robot` (RUN/episodes), of which only the frames that a person
            commanded in place of the policy are learned from, too (HG-DAgger, Kelly et al. 2019). Nothing is judged on
            them.
        track: folder of a track that `reconstruct` rebuilt: plans also learn from its frames beside the line, labelled
            with pursuit to it, and candidates drive on it before one is handed out.
            Its map shows all episodes that it was rebuilt from: offline errors on some of them favour such plans.
        drive_on: folder of another track to drive on instead; alone: candidates drive there, and learn from recordings
            only.
        self_labels: learn nothing from the driver's commands: the recordings that the track of --track was rebuilt from
            are labelled with pursuit to its line from every frame's own pose. The driver's commands still judge.
        laps: number of laps of each candidate there; at least 6, as fewer decide nothing.
    """

    checkpoint: Annotated[Checkpoint, tyro.conf.arg(metavar="CHECKPOINT")]
    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    plan: str = "auto"
    test: str | None = None
    frames: int | None = None
    curve: str | None = None
    candidates: str | None = field(default=None, metadata={"formerly": "arms"})
    seeds: int = 3
    smooth: float | None = None
    hold_out: float = 0.3
    unlabelled: str | None = None
    interventions: str | None = None
    track: Path | None = None
    drive_on: Path | None = None
    self_labels: bool = False
    laps: int = 20
    overrides: Annotated[Overrides, tyro.conf.arg(name="")] = field(default_factory=Overrides)

    def __post_init__(self) -> None:
        if self.laps < FEWEST:
            raise InputError(f"laps must be at least {FEWEST}, not {self.laps}: fewer decide nothing")
        if self.overrides.recovery is not None and self.track is None:
            raise InputError("recovery is a share of a rebuilt track's frames: add --track DIR")
        if self.self_labels and self.track is None:
            raise InputError("self-labels are those of a rebuilt track: add --track DIR")
        if self.self_labels and self.interventions is not None:
            raise InputError("--self-labels learns nothing from a person's commands: leave out --interventions")
        for name in ("frames", "seeds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        check_smoothing(self.smooth)
        if not 0 < self.hold_out < 1:
            raise InputError(f"hold_out must be between 0 and 1, not {self.hold_out}")
        self.sizes(1)
        for plan in self.plans(AUTO_PLANS[0]):
            self.overrides.on(plan)
            if plan.unlabelled and self.unlabelled is None:
                raise InputError(f"plan {plan.name!r} needs recordings without actions: add --unlabelled DATASET")

    @property
    def task(self) -> str:
        """Return the name for the run's folder."""
        return short_name(self.checkpoint)

    def located(self) -> "AdaptConfig":
        """Return the settings with absolute paths, so that the run can be resumed from any folder."""
        # The episode selection is part of the path's last name; resolving the path does not access it.
        paths = self.dataset, self.test, self.unlabelled, self.interventions
        dataset, test, unlabelled, interventions = (path and str(Path.cwd() / path) for path in paths)
        track, drive_on = (path and path.resolve() for path in (self.track, self.drive_on))
        file, colon, name = self.plan.rpartition(":") if ".toml:" in self.plan else (self.plan, "", "")
        plan = f"{Path(file).resolve()}{colon}{name}" if ".toml" in self.plan else self.plan
        checkpoint = absolute(self.checkpoint)
        located: dict[str, Any] = {"dataset": str(dataset), "test": test, "unlabelled": unlabelled}
        located["interventions"] = interventions
        located |= {"track": track, "drive_on": drive_on}
        return dataclasses.replace(self, checkpoint=checkpoint, plan=plan, **located)

    def sizes(self, available: int) -> tuple[int, ...]:
        """Return the numbers of frames at which candidates are compared; the result is for the last one.

        Args:
            available: frames that may be learned from.
        """
        curve = frame_counts(self.curve, "--curve") if self.curve else []
        main = self.frames or (curve[-1] if curve else available)
        return (*(n for n in curve if n != main), main)

    def plans(self, auto: str) -> list[TransferPlan]:
        """Return the plan, and then the further ones to compare; raises InputError for names that are unknown.

        Args:
            auto: the plan that stands for `auto`.
        """
        names = [auto if self.plan == "auto" else self.plan, *(self.candidates.split(",") if self.candidates else [])]
        plans = [_found(name.strip()) for name in names]
        twice = [plan.name for k, plan in enumerate(plans) if plan.name in [other.name for other in plans[:k]]]
        if twice and self.plan != "auto":
            raise InputError(f"{twice[0]!r} is listed twice among the plans")
        if self.overrides.rates is not None and plans[0].name in ("gain", "scratch"):
            raise InputError(f"{plans[0].name} is a control with fixed rates: --rates is for plans")
        return list({plan.name: plan for plan in plans}.values())
