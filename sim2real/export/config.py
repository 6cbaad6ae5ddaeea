"""Settings and result of an export; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sim2real.errors import InputError
from sim2real.models import Checkpoint


@dataclass(frozen=True)
class ExportConfig:
    """Settings of `sim2real export`.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained or adapted it, or the name of a shipped policy
            (`sim2real models --help`).
        target: what else is written: `donkeycar`, the lines for a car's manage.py; `lerobot`, a plugin to install and a
            folder for `lerobot-rollout --policy.path`.
        frames: number of frames for the check, half of them simulated ones of the policy's task.
    """

    checkpoint: Annotated[Checkpoint, tyro.conf.arg(metavar="CHECKPOINT")]
    target: Annotated[Literal["donkeycar", "lerobot"] | None, tyro.conf.arg(name="for")] = None
    frames: int = 16

    def __post_init__(self) -> None:
        if not 4 <= self.frames <= 1000:
            raise InputError(f"frames must be from 4 to 1000, not {self.frames}")


@dataclass(frozen=True)
class ExportResult:
    """A finished export.

    Attributes:
        folder: the folder.
        size: bytes of `policy.onnx`.
        difference: largest difference of an action to the policy as trained, over the check's frames.
    """

    folder: Path
    size: int
    difference: float
