"""Settings of an evaluation; imports neither torch nor a simulator, so that `--help` is quick."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sim2real.errors import InputError
from sim2real.models import Checkpoint, absolute, short_name
from sim2real.rehearsal.preset import check_layout, rehearsal_preset
from sim2real.robots.hardware import Hardware
from sim2real.seeds import TEST

BOTH = "both"
SECOND = 25  # laps that are driven again with the second renderer
PLACES = {
    "sim": "unseen simulated worlds",
    "rehearsal": "the rehearsal robot",
    "robot": "the robot",
    "track": "a rebuilt track",
}
"""Names of the places of `--on`, for output."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Settings of `sim2real evaluate`.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained or adapted it, or the name of a shipped policy
            (`sim2real models --help`).
        against: a second policy, evaluated in the same episodes; differences are second minus first.
        more: further policies, for `--on both` and `--on track`.
        on: place of the evaluation: simulation; the rehearsal robot, a simulated stand-in for a real one that is never
            trained on; hardware; `both`: three or more checkpoints in simulation and on the rehearsal robot, and how
            well the results in simulation predict those on the robot; or a rebuilt `track`, on the pixels of its log.
        track: for `--on track`, the folder that `sim2real reconstruct` made; an episode is a lap. For `--on robot`, or
            `--on rehearsal --real-time`, of a car: every trial is driven again on it from where it began, and the
            combined success rate is given beside the robot's own.
        speed: for `--on track`, speed of all cars [m/s], whatever the policies' throttle; None: the throttle's, as the
            log measured it, within the drivers' speeds.
        second_renderer: for `--on track`, how many of the laps are driven again where all is drawn from the nearest
            recorded frame and not from the map, to see whether results depend on how frames are drawn; 0: none.
        dataset: compare with these recordings instead of acting: a dataset, or a selection of episodes (path[0:17]).
        smooth: recorded actions are averaged over ± this many seconds; by default the task's value.
        episodes: number of episodes; in simulation all run in parallel.
        randomization: for `--on sim`, a preset of the task, or a TOML file; for `--on rehearsal`, another rehearsal
            robot: rehearsal-walls, rehearsal-tape or rehearsal-gloss (LaneFollow).
        world: for `--on sim`, a task in whose worlds to drive instead of the policies' own, with the same actions and
            camera: `LaneFollow:track_2` is the track that `reconstruct` wrote to tracks/track_2.
        layout: for `--on rehearsal`, number of one world for all episodes, as at a real venue: one track, car, camera
            and look (LaneFollow), the same as of `record --layout`. Episodes start anywhere, in both directions. None:
            every episode draws its own world.
        seed: seed of the first episode; no training uses seeds between 10 million and 2^32.
        device: device that renders frames.
        real_time: run the rehearsal robot like hardware: one episode after the other, at its control rate.
        reference: for `--on robot`, folder with the reference frame of its camera, which must not have moved since; a
            frame is stored there if there is none. None: in the run's folder, to compare with when it is resumed.
        accept_drift: begin although the camera moved.
        hardware: settings for `--on robot`.
    """

    checkpoint: Annotated[Checkpoint, tyro.conf.arg(metavar="CHECKPOINT")]
    against: Annotated[tyro.conf.Positional[Checkpoint | None], tyro.conf.arg(metavar="[CHECKPOINT2]")] = None
    more: Annotated[tyro.conf.Positional[tuple[Checkpoint, ...]], tyro.conf.arg(metavar="[CHECKPOINT3 ...]")] = ()
    on: Literal["sim", "rehearsal", "robot", "both", "track"] = "sim"
    track: Path | None = None
    speed: float | None = None
    second_renderer: int = SECOND
    dataset: str | None = None
    smooth: float | None = None
    episodes: int = 100
    randomization: str = "default"
    world: str | None = None
    layout: int | None = None
    seed: int = TEST.start
    device: str = "cpu"
    real_time: bool = False
    reference: Path | None = None
    accept_drift: bool = False
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
        check_layout(self.layout, self.on)
        if self.world is not None and (self.on != "sim" or self.dataset is not None):
            raise InputError("--world is for --on sim")
        if self.on == "rehearsal":
            rehearsal_preset(self.randomization, "default")  # raises an error
        if self.on in ("robot", "track") and self.randomization != "default":
            raise InputError(f"--randomization is for --on sim: {PLACES[self.on]} has a fixed appearance")
        if self.on != "sim" and self.dataset is not None:
            raise InputError(f"--dataset moves nothing: leave out --on {self.on}")
        if self.real_time and self.on != "rehearsal":
            raise InputError("--real-time is for --on rehearsal: simulation has no clock, and a robot always has one")
        if self.hardware != Hardware() and self.on != "robot":
            raise InputError(
                "--robot, --port, --camera, --calibration, --address, --token-file and --move are for --on robot"
            )
        if self.on == BOTH and len(self.checkpoints) < 3:
            raise InputError(f"--on {BOTH} needs at least three checkpoints: two are always perfectly correlated")
        if self.on == BOTH and self.randomization.startswith("rehearsal"):
            raise InputError(f"--on {BOTH} takes --randomization for the simulation, not {self.randomization!r}")
        if self.on not in (BOTH, "track") and self.more:
            raise InputError(f"two checkpoints can be compared; with --on {BOTH} three or more are correlated")
        self._check_track()

    def _check_track(self) -> None:
        if self.on == "track" and self.track is None:
            raise InputError("--on track needs --track: the folder of a track that `sim2real reconstruct` made")
        if self.on != "robot" and (self.reference is not None or self.accept_drift):
            raise InputError("--reference and --accept-drift are for --on robot: other cameras do not move")
        twins = self.track is not None and not self.in_real_time
        others = twins or self.speed is not None or self.second_renderer != SECOND
        if self.on != "track" and others:
            raise InputError("--track, --speed and --second-renderer are for --on track")
        if self.second_renderer < 0:
            raise InputError(f"second-renderer must be at least 0 laps, not {self.second_renderer}")
        if self.speed is not None and not 0.1 <= self.speed <= 20:
            raise InputError(f"speed must be 0.1 to 20 m/s, not {self.speed}")
        resolved = [str(absolute(each)) for each in self.checkpoints]
        if (self.on == "track" or self.in_real_time) and len(set(resolved)) < len(resolved):
            raise InputError(f"a checkpoint is given twice: --on {self.on} needs different ones")

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Return all checkpoints, as they were named."""
        return (self.checkpoint, *(() if self.against is None else (self.against,)), *self.more)

    @property
    def in_real_time(self) -> bool:
        """Return whether policies act in a control loop that keeps real time."""
        return self.on == "robot" or self.real_time

    def world_of(self, task: str) -> str:
        """Return the task in whose worlds a policy of a task acts in simulation."""
        return task if self.world is None else self.world

    @property
    def preset(self) -> str:
        """Return the preset of the rehearsal robot; raises InputError for one of the plain simulation."""
        return rehearsal_preset(self.randomization, "default")

    @property
    def task(self) -> str:
        """Return the name for the run's folder."""
        return short_name(self.checkpoint)
