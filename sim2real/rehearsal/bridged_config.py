"""Which robot a bridge exposes; imports no simulator, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path

REHEARSAL = "rehearsal"


@dataclass(frozen=True)
class BridgedRobot:
    """Which robot of this computer is exposed.

    Attributes:
        robot: so101; loopback, a simulated arm that follows its targets; or rehearsal, the simulated robot of the task,
            which clients can also reset, and ask for the outcome of an episode.
        task: task whose control rate, joints, limits and camera the robot has.
        port: serial port of its servos.
        camera: number of its camera, or a name that OpenCV opens.
        calibration: LeRobot's calibration file of this robot, or the id that LeRobot keeps it by.
        view: name of the camera for clients; None: the task's first.
        real_time: the rehearsal robot keeps its control period; otherwise each observation is one step of its world.
    """

    robot: str = REHEARSAL
    task: str = "Reach"
    port: str | None = None
    camera: str = "0"
    calibration: Path | None = None
    view: str | None = None
    real_time: bool = True
