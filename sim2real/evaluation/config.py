"""What an evaluation is asked for; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sim2real.errors import InputError
from sim2real.robots.hardware import Hardware
from sim2real.seeds import TEST

BOTH = "both"
PLACES = {"sim": "unseen simulated worlds", "rehearsal": "the rehearsal robot", "robot": "the robot"}
"""What the places of `--on` are called."""


@dataclass(frozen=True)
class EvaluateConfig:
    """What `sim2real evaluate` does.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained or adapted it.
        against: a second one, which meets the same episodes; the difference is that of the second to the first.
        more: still others, for `--on both`.
        on: where: in simulation; on the rehearsal robot, a simulated stand-in for a real one that was never trained on;
            on hardware; or `both`: three or more checkpoints in simulation and on the rehearsal robot, and how well the
            results in simulation predict those on the robot.
        dataset: compare with these recordings instead of acting: a dataset, or some of its episodes (path[0:17]).
        smooth: seconds to either side over which the actions in recordings are averaged; by default as suits the task.
        episodes: in simulation one per world, all side by side.
        randomization: a preset of the task, or a TOML file; of `--on sim`.
        seed: of the first episode; policies learn from none between 10 million and 2^32.
        device: where frames are rendered.
        real_time: move the rehearsal robot as hardware is moved, one episode after the other, at its control rate.
        hardware: of `--on robot`.
    """

    checkpoint: Annotated[Path, tyro.conf.arg(metavar="CHECKPOINT")]
    against: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[CHECKPOINT2]")] = None
    more: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="[CHECKPOINT3 ...]")] = ()
    on: Literal["sim", "rehearsal", "robot", "both"] = "sim"
    dataset: str | None = None
    smooth: float | None = None
    episodes: int = 100
    randomization: str = "default"
    seed: int = TEST.start
    device: str = "cpu"
    real_time: bool = False
    hardware: Annotated[Hardware, tyro.conf.arg(name="")] = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise InputError(f"episodes must be at least 1, not {self.episodes}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        if self.smooth is not None and not 0 <= self.smooth < float("inf"):
            raise InputError(f"smooth must be 0 or more seconds, not {self.smooth}")
        if self.against is not None and self.dataset is not None:
            raise InputError("--dataset takes one checkpoint: evaluate the second in a run of its own")
        if self.on in ("rehearsal", "robot") and self.randomization != "default":
            raise InputError(f"--randomization is for --on sim: {PLACES[self.on]} has a look of its own")
        if self.on != "sim" and self.dataset is not None:
            raise InputError(f"--dataset moves nothing: leave out --on {self.on}")
        if self.real_time and self.on != "rehearsal":
            raise InputError("--real-time is for --on rehearsal: simulation has no clock, and a robot has no choice")
        if self.hardware != Hardware() and self.on != "robot":
            raise InputError("--robot, --port, --camera, --calibration and --move are for --on robot")
        if self.on == BOTH and len(self.checkpoints) < 3:
            raise InputError(f"--on {BOTH} needs three checkpoints at least: two always lie on a line")
        if self.on != BOTH and self.more:
            raise InputError(f"two checkpoints can be compared; with --on {BOTH} three or more are correlated")

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.checkpoint, *(() if self.against is None else (self.against,)), *self.more)

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return self.checkpoint.resolve().name
