"""What replaying is asked for; imports neither torch nor a simulator, so that `--help` is quick."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sim2real.errors import InputError
from sim2real.recordings.smoothing import check_smoothing

OWN = {"checkpoint": ("policy", "viewer"), "robot": ("sim", "robot"), "open": ("viewer",),
       "move": ("robot", "rehearsal"), "speed": ("robot", "rehearsal"), "port": ("robot",), "camera": ("robot",),
       "calibration": ("robot",), "real_time": ("rehearsal",)}  # fmt: skip
"""Settings that make sense in some modes only, with these."""


@dataclass(frozen=True)
class ReplayConfig:
    """What `sim2real replay` does.

    Attributes:
        dataset: a LeRobot v3.0 dataset.
        episode: index, or several: 0,3,8.
        on: policy: what a policy would have done; sim: the same commands in simulation; robot: on the robot itself;
            rehearsal: on the stand-in for one; viewer: write Rerun recordings (.rrd).
        checkpoint: a policy's folder, or the run that made it; the viewer shows its predictions where it is given.
        robot: in simulation, the robot.json of a `sim2real identify` run, whose servos are simulated in place of the
            model's own; on a robot, its driver in place of the recording's (loopback, which is none, to try it out).
        smooth: s to either side over which recorded actions are averaged; None: as the policy's task has it.
        worst: how many of the worst frames to show.
        open: start the viewer.
        move: let the robot move; without, say what it would do.
        speed: rad/s that no joint of a robot may exceed.
        port: serial port of the robot's servos.
        camera: of the robot: its number, or what OpenCV opens by name.
        calibration: LeRobot's calibration file of this very robot.
        real_time: keep the rehearsal robot to its control rate.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    episode: str = "0"
    on: Literal["policy", "sim", "robot", "rehearsal", "viewer"] = "policy"
    checkpoint: Path | None = None
    robot: str | None = None
    smooth: float | None = None
    worst: int = 12
    open: bool = False
    move: bool = False
    speed: float | None = None
    port: str | None = None
    camera: str | None = None
    calibration: Path | None = None
    real_time: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+(,\d+)*", self.episode.replace(" ", "")):
            raise InputError(f"episode must be an index or several, as 0,3,8, not {self.episode!r}")
        check_smoothing(self.smooth)
        if self.worst < 1:
            raise InputError(f"worst must be at least 1, not {self.worst}")
        if self.on == "policy" and self.checkpoint is None:
            raise InputError("to replay on a policy, name it: --checkpoint FOLDER")
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
        """Return the dataset's name, which names the run's folder."""
        return Path(self.dataset.partition("[")[0]).resolve().name
