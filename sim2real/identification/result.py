"""Files of an identification: robot.json, a randomization around it, and figures."""

from pathlib import Path
from typing import Any

import numpy as np

from envs.randomization import Randomization
from sim2real.files import write_file
from sim2real.identification.judge import Errors, Judgement
from sim2real.identification.servos import IdentifiedServos, Parameter
from sim2real.identification.simulation import OBJECT, OFFSET
from sim2real.identification.split import Split
from sim2real.recordings.arm_logs import ArmRecording
from sim2real.robots import RobotDescription
from sim2real.runs import versions
from sim2real.statistics.agreement import Estimate

FORMAT_VERSION = 1
WIDEN = 0.1  # minimum half width, relative to the value
# Minimum half width of parameters that may be 0: s, rad.
LEAST = {"delay": 0.005, "backlash": 0.002}
UNKNOWN = 0.3  # half width relative to the value, if the log does not identify it
UNITS = {"gain": "N m/rad", "damping": "N m s/rad", "friction": "N m", "armature": "kg m²", "torque": "N m",
         "delay": "s", "backlash": "rad", OFFSET: "rad", OBJECT: "rad"}  # fmt: skip
SOURCES = {
    "log": "from the log",
    "published": "not identifiable here: value of the published model",
    "house": "not identifiable here: value of our own arm model",
    "bound": "not identifiable here: the best fit is at a search bound, or beyond the known range",
}


def robot_file(
    robot: RobotDescription, recording: ArmRecording, servos: IdentifiedServos, dataset: str
) -> dict[str, Any]:
    """Return the content of `robot.json`."""
    units = recording.units
    return {
        "format_version": FORMAT_VERSION,
        "robot": robot.name,
        "dataset": dataset,
        "fps": recording.fps,
        "joints": list(servos.joints),
        "units": {
            "mode": units.mode,
            "radians_per_unit": list(units.scale),
            "radians_at_zero": list(units.zero),
            "assumed": list(units.assumed),
        },
        "servos": {
            joint: {name: _plain(name, parameter) for name, parameter in servo.items()}
            for joint, servo in servos.parameters.items()
        },
        "versions": versions(),
    }


def _plain(name: str, parameter: Parameter) -> dict[str, Any]:
    return {
        "value": parameter.value,
        "low": parameter.low,
        "high": parameter.high,
        "unit": UNITS[name],
        "identifiable": parameter.identifiable,
        "source": parameter.source,
    }


def ranges(servos: IdentifiedServos) -> dict[str, list[tuple[float, float]]]:
    """Return the interval, widened, in which training should vary each servo parameter of each joint."""
    result: dict[str, list[tuple[float, float]]] = {}
    for name in UNITS:
        if name in (OFFSET, OBJECT):
            continue
        result[name] = []
        for servo in servos.parameters.values():
            parameter = servo[name]
            share = WIDEN if parameter.identifiable else UNKNOWN
            margin = max(share * parameter.value, LEAST.get(name, 0.0))
            low = min(parameter.value - margin, np.inf if parameter.low is None else parameter.low)
            high = max(parameter.value + margin, -np.inf if parameter.high is None else parameter.high)
            result[name].append((max(0.0, low), high))
    return result


def randomization_text(servos: IdentifiedServos, robot: str, dataset: str) -> str:
    """Return TOML for `train --randomization` that varies only the servos, around the identified ones."""
    lines = [
        f"# Servos of {robot}, identified from {dataset}.",
        "# `sim2real train Reach --randomization THIS-FILE` varies only these. For a camera policy append the",
        "# entries of the task's preset for appearance, light, camera and sensor, without those for task.*: entries",
        "# act in order, and a later entry for the same field acts on the result of the earlier ones.",
        "# Component k is joint k: " + ", ".join(f"{k} {joint}" for k, joint in enumerate(servos.joints)) + ".",
        "",
        f'robot = "{robot}"',
    ]
    for name, intervals in ranges(servos).items():
        lines += ["", f"# --- {name} [{UNITS[name]}] ---"]
        for k, (low, high) in enumerate(intervals):
            parameter = servos.parameters[servos.joints[k]][name]
            note = "" if parameter.identifiable else f"; {parameter.source}, not identifiable"
            lines += ["", f"[[vary]] # {servos.joints[k]}: {parameter.value:.4g}{note}"]
            lines += _entry(f"task.{name}", low, high, k)
    lines += ["", "# --- braking: included in damping, as logs do not separate the two ---", "", "[[vary]]"]
    lines += _entry("task.braking", 0.0, 0.0, None)
    return "\n".join(lines) + "\n"


def _entry(field: str, low: float, high: float, component: int | None) -> list[str]:
    of = [] if component is None else [f"components = [{component}]"]
    span = f"range = [{float(f'{low:.6g}')!r}, {float(f'{high:.6g}')!r}]"
    return [f'field = "{field}"', *of, 'distribution = "uniform"', span, 'operation = "set"', 'each = "value"']


def write_randomization(path: Path, servos: IdentifiedServos, robot: str, dataset: str) -> None:
    """Write the TOML file atomically; raises OSError."""
    write_file(path, randomization_text(servos, robot, dataset).encode())
    Randomization.load(path)


def figures(
    servos: IdentifiedServos, judged: Judgement, split: Split, recording: ArmRecording, seed: int
) -> dict[str, Any]:
    """Return the content of `metrics.json`."""
    body, object_rmse = without_gripper(servos), servos.object_rmse
    return {
        "finished": True,
        "seed": seed,
        "episodes_fit": [log.index for log in split.fit],
        "episodes_heldout": [log.index for log in split.held_out],
        "episodes_too_short": list(recording.short),
        "frames_fit": sum(map(len, split.fit)),
        "frames_heldout": sum(map(len, split.held_out)),
        "unit": split.units.describe(),
        "fit_rmse": servos.fit_rmse,
        "heldout_rmse_before": judged.before.rmse(),
        "heldout_rmse_after": judged.after.rmse(),
        "heldout_fall": judged.after.fall(judged.before).to_dict(),
        "heldout_fall_without_gripper": judged.after.fall(judged.before, body).to_dict(),
        "heldout_fall_without_object": judged.servos.fall(judged.before).to_dict(),
        "open_loop": {name: _of(errors, servos) for name, errors in _named(judged)[:3]},
        "second_ahead": {name: _of(errors, servos) for name, errors in _named(judged)[3:]},
        "object": None if object_rmse is None else dict(zip(("with", "without"), object_rmse, strict=True)),
        "identifiable": sum(p.identifiable for servo in servos.parameters.values() for p in servo.values()),
        "parameters": sum(len(servo) for servo in servos.parameters.values()),
    }


def without_gripper(servos: IdentifiedServos) -> list[int]:
    """Return the indices of the joints that an object in the gripper does not affect."""
    return [j for j, name in enumerate(servos.joints) if name != servos.gripper]


def _named(judged: Judgement) -> list[tuple[str, Errors | None]]:
    return [("before", judged.before), ("after", judged.after), ("after_without_object", judged.servos),
            ("before", judged.second_before), ("after", judged.second_after)]  # fmt: skip


def _of(errors: Errors | None, servos: IdentifiedServos) -> dict[str, Any] | None:
    if errors is None:
        return None
    each = {joint: errors.rmse([j]) for j, joint in enumerate(servos.joints)}
    body: Estimate = errors.estimate(without_gripper(servos))
    return {"rmse": errors.estimate().to_dict(), "rmse_without_gripper": body.to_dict(), "rmse_per_joint": each}
