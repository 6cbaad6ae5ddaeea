"""What pretraining is asked for; imports neither torch nor a simulator, so that `--help` is quick."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import tyro

from sim2real.errors import InputError
from sim2real.training.teacher_config import TeacherConfig

METHODS = ("dagger", "ppo")
USUAL_FRAMES = 300_000


@dataclass(frozen=True)
class DistillationConfig:
    """How a student learns.

    Attributes:
        frames: rendered in all; 0: as many as the task needs.
        reuse: times that a frame is trained on, on average.
        buffer: frames kept in memory to draw batches from.
        share: of the worlds that the student drives, from half of the run on; before, it grows from 0.
        jolt: std of the drift on the teacher's own actions, so that it shows how to recover. `share` and `jolt` were
            chosen by the agreement with one recording (`track_2`), on which they therefore prove nothing: at 0.15 and
            share 0.9 the policy agreed less with it.
        ema: decay of the averaged weights per update; these drive and are saved.
        auxiliary: weight of every auxiliary label against the action's 1.
        bf16: compute in bfloat16 where the processor does that in hardware.
    """

    frames: int = 0
    reuse: float = 2.0
    batch_size: int = 128
    buffer: int = 30_000
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-3
    share: float = 0.5
    jolt: float = 0.3
    ema: float = 0.998
    auxiliary: float = 0.2
    bf16: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("reuse", "batch_size", "buffer", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("frames", "weight_decay", "jolt", "auxiliary", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be at least 0, not {getattr(self, name)}")
        if not 0 <= self.share <= 1 or not 0 <= self.ema < 1:
            raise InputError(f"share must be in 0…1 and ema below 1, not {self.share} and {self.ema}")

    def filled(self, training: Mapping[str, Any]) -> "DistillationConfig":
        """With the number of frames as the task has it (`TaskSpec.training`), or as usual, where it was left open."""
        return self if self.frames else replace(self, frames=training.get("frames", USUAL_FRAMES))

    @property
    def updates(self) -> int:
        """Gradient steps in all."""
        return max(round(self.frames * self.reuse / self.batch_size), 1)


@dataclass(frozen=True)
class PretrainConfig:
    """What `sim2real pretrain` does.

    Attributes:
        task: name of a registered task.
        method: dagger (a teacher's labels on streamed frames) or ppo (reward alone, from pixels).
        teacher: folder of a `train` run, or of a `pretrain` run that trained a teacher of its own; None: train one
            first, inside this run.
        worlds: rendered side by side.
        randomization: a preset of the task, or a TOML file.
        encoder: conv or resnet18.
        width, depth: of the encoder; None: its own.
        image_size: (width, height) px that the network sees; None: the task's.
        camera: JSON file with the calibration of your camera (width, height, fx, fy, cx, cy, distortion, model), to be
            seen through in place of the task's.
        device: that renders and learns, cpu or cuda; physics stays on the CPU.
        threads: of physics and renderer; the learner has one of its own.
        checkpoint_every: updates between checkpoints.
        evaluate: episodes on the test split at the end.
    """

    task: Annotated[str, tyro.conf.arg(metavar="TASK")]
    method: str = "dagger"
    teacher: str | None = None
    worlds: int = 64
    randomization: str = "default"
    encoder: str = "conv"
    width: int | None = None
    depth: int | None = None
    image_size: tuple[int, int] | None = None
    camera: str | None = None
    device: str = "cpu"
    threads: int = 1
    checkpoint_every: int = 500
    evaluate: int = 100
    distillation: Annotated[DistillationConfig, tyro.conf.arg(name="")] = field(default_factory=DistillationConfig)
    teacher_config: TeacherConfig = field(default_factory=TeacherConfig)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"no method {self.method!r}; valid: {', '.join(METHODS)}")
        for name in ("worlds", "threads", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.evaluate < 0:
            raise InputError(f"evaluate must be at least 0 episodes, not {self.evaluate}")
        if self.method == "ppo" and (self.teacher is not None or self.teacher_config.algorithm != "ppo"):
            raise InputError("method ppo learns from reward alone: it takes neither a teacher nor another algorithm")
