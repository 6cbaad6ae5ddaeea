"""Settings of `sim2real emulate`."""

from dataclasses import dataclass

from sim2real.rehearsal.preset import PRESET


@dataclass(frozen=True)
class EmulateConfig:
    """Settings of an emulated arm.

    Attributes:
        task: task whose world it stands in.
        seed: episode that it begins with.
        camera: name of the task's camera that is streamed.
        randomization: preset of the task, or a TOML file, that makes its servos and looks.
        camera_port: port of the camera's server on this machine; 0: any that is free.
        calibrated: the servos hold the calibration, as after LeRobot's calibration; otherwise they are as delivered.
    """

    task: str = "Reach"
    seed: int = 0
    camera: str = "front"
    randomization: str = PRESET
    camera_port: int = 0
    calibrated: bool = True
