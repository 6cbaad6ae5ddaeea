"""Reading robot.json, the servos of a robot from `sim2real identify`."""

import json
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.identification.result import FORMAT_VERSION
from sim2real.identification.simulation import OBJECT, PARAMETERS, Replayer

OPTIONAL = ("braking", OBJECT)  # identification includes braking in damping, and assigns objects to grippers only


def read_servos(path: Path, robot: str, replayer: Replayer) -> dict[str, np.ndarray]:
    """Read parameters (J,) by name, as `Replayer` takes them, from a robot.json.

    Raises:
        InputError: the file is missing, damaged, or of another version or robot.
    """
    if path.is_dir():
        path = path / "robot.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no such file: {path}; `sim2real identify` writes it") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path} is not a robot file of version {FORMAT_VERSION}, as `sim2real identify` writes it")
    if content.get("robot") != robot:
        raise InputError(f"{path} is for the robot {content.get('robot')!r}, the recording is of {robot!r}")
    values, joints = replayer.nominal(), replayer.arm.joints
    values["braking"] = 0 * values["braking"]
    try:
        servos = content["servos"]
        for j, joint in enumerate(joints):
            for name in PARAMETERS:
                if name in OPTIONAL and name not in servos[joint]:
                    continue
                values[name][j] = float(servos[joint][name]["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {type(error).__name__} {error}") from None
    for name, row in values.items():
        if not np.isfinite(row).all():
            raise InputError(f"{path} is damaged: {name} of {joints[int(np.argmin(np.isfinite(row)))]} is not a number")
    return values
