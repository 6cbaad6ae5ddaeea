"""Settings of a replay; imports neither torch nor a simulator, so that `--help` is quick."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sim2real.errors import InputError
from sim2real.models import Checkpoint
from sim2real.recordings.smoothing import check_smoothing

OWN = {"checkpoint": ("policy", "viewer"), "robot": ("sim", "robot"), "open": ("viewer",),
       "move": ("robot", "rehearsal"), "speed": ("robot", "rehearsal"), "port": ("robot",), "camera": ("robot",),
       "calibration": ("robot",), "address": ("robot",), "token_file": ("robot",),
       "real_time": ("rehearsal",)}  # fmt: skip
"""Settings that are valid in some modes only, with these modes."""


@dataclass(frozen=True)
class ReplayConfig:
    """Settings of `sim2real replay`.

    Attributes:
        dataset: a LeRobot v3.0 dataset.
        episode: index of an episode, or several: 0,3,8.
        on: policy: show a policy's actions; sim: replay the commands in simulation; robot: replay them on the robot;
            rehearsal: on the simulated stand-in for a robot; viewer: write Rerun recordings (.rrd).
        checkpoint: a policy's folder, or the run that made it, or the name of a shipped policy
            (`sim2real models --help`); the viewer then also shows its predictions.
        robot: in simulation, the robot.json of a `sim2real identify` run, whose servos replace the model's; on a robot,
            the driver to use instead of the recording's (loopback simulates an arm, to try commands out; remote is a
            robot behind `sim2real bridge`).
        smooth: recorded actions are averaged over ± this many seconds; None: the task's value.
        worst: number of worst frames to show.
        open: start the viewer.
        move: move the robot; without it only the planned motion is printed.
        speed: maximum joint speed of a robot [rad/s].
        port: serial port of the robot's servos.
        camera: number of the robot's camera, or a name that OpenCV opens.
        calibration: LeRobot's calibration file of this robot.
        address: HOST:PORT of a remote robot's bridge.
        token_file: file with the token of that bridge; without it, the environment's SIM2REAL_BRIDGE_TOKEN is used.
        real_time: run the rehearsal robot at its control rate.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    episode: str = "0"
    on: Literal["policy", "sim", "robot", "rehearsal", "viewer"] = "policy"
    checkpoint: Checkpoint | None = None
    robot: str | None = None
    smooth: float | None = None
    worst: int = 12
    open: bool = False
    move: bool = False
    speed: float | None = None
    port: str | None = None
    camera: str | None = None
    calibration: Path | None = None
    address: str | None = None
    token_file: Path | None = None
    real_time: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+(,\d+)*", self.episode.replace(" ", "")):
            raise InputError(f"episode must be an index or several, as 0,3,8, not {self.episode!r}")
        check_smoothing(self.smooth)
        if self.worst < 1:
            raise InputError(f"worst must be at least 1, not {self.worst}")
        if self.on == "policy" and self.checkpoint is None:
            raise InputError("--on policy needs --checkpoint FOLDER")
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise InputError(f"speed must be positive, not {self.speed}")
        for name, modes in OWN.items():
            if getattr(self, name) not in (None, False) and self.on not in modes:
                raise InputError(f"--{name.replace('_', '-')} is for --on {' or '.join(modes)}, not for --on {self.on}")

    @property
    def episodes(self) -> list[int]:
        """Return the episodes' indices, each once."""
        return list(dict.fromkeys(int(part) for part in self.episode.split(",")))

    @property
    def task(self) -> str:
        """Return the dataset's name, for the run's folder."""
        return Path(self.dataset.partition("[")[0]).resolve().name
