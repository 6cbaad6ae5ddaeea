"""Settings of pretraining; imports neither torch nor a simulator, so that `--help` is quick."""

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
    """Settings of a student's training.

    Attributes:
        frames: total number of rendered frames; 0: the task's value.
        reuse: how often a frame is trained on, on average.
        batch_size: number of frames per gradient step.
        buffer: number of frames kept in memory to draw batches from.
        learning_rate: largest learning rate, after a short rise; it then decays to 0 (cosine).
        weight_decay: strength of the weight decay (AdamW).
        share: share of the worlds that the student drives in the second half of the run; it grows from 0 before.
        jolt: standard deviation of the disturbance on the teacher's actions, so that frames show recoveries. `share`
            and `jolt` were chosen by the agreement with one recording (`track_2`), which therefore proves nothing about
            them; with 0.15 and share 0.9 the policy agreed less with its drivers.
        ema: decay per update of the averaged weights, which drive and are saved.
        auxiliary: loss weight of each auxiliary label; the action has 1.
        bf16: compute in bfloat16 if the processor supports it in hardware.
        seed: seed of the network, the batches and the worlds.
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
        """Return the settings with an open number of frames filled in from `TaskSpec.training`, or the default."""
        return self if self.frames else replace(self, frames=training.get("frames", USUAL_FRAMES))

    @property
    def updates(self) -> int:
        """Return the total number of gradient steps."""
        return max(round(self.frames * self.reuse / self.batch_size), 1)


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of `sim2real pretrain`.

    Attributes:
        task: name of a registered task.
        method: dagger (a teacher's labels on streamed frames) or ppo (reward only, from pixels).
        teacher: folder of a `train` run, or of a `pretrain` run that trained its own teacher; None: train one first,
            inside this run.
        worlds: number of worlds rendered in parallel.
        randomization: a preset of the task, or a TOML file.
        encoder: conv or resnet18.
        width: channels of the encoder's stem, later stages have multiples of it; None: the encoder's default.
        depth: convolutions (conv) or blocks (resnet18) per stage of the encoder; None: the encoder's default.
        image_size: (width, height) of the network's image [px]; None: the task's.
        camera: JSON file with the calibration of your camera (width, height, fx, fy, cx, cy, distortion, model), which
            replaces the task's camera.
        device: device for rendering and learning, cpu or cuda; physics runs on the CPU.
        threads: number of threads for physics and rendering; the learner has one more.
        checkpoint_every: number of updates between checkpoints.
        evaluate: number of test episodes at the end.
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
            raise InputError("method ppo learns from reward only: it takes neither a teacher nor another algorithm")
