"""Files of an identified sensor: sensor.json, and the default randomization narrowed around it."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.camera import Camera
from envs.randomization import Randomization, Vary
from envs.sensor import LIMITS
from envs.task import View
from sim2real.identification.sensor.fit import Identified, SensorFit
from sim2real.identification.sensor.parameters import MIDDLE, PARAMETERS
from sim2real.runs import versions

FORMAT_VERSION = 1
WIDEN = 0.1  # minimum half width of a range, relative to the value: sessions differ, and a camera ages
SIZED = ("defocus", "motion_blur", "read_noise", "shot_noise")
"""Parameters that shrink with a frame: lengths in pixels, and noise, of which a smaller frame's pixel averages more."""


def sensor_file(fit: SensorFit, qualities: Mapping[int, int], dataset: str, task: str) -> dict[str, Any]:
    """Return the content of `sensor.json`.

    Args:
        qualities: JPEG quality -> number of units that show it; 0 is none.
    """
    units = {p.name: p.unit for p in PARAMETERS}
    return {
        "format_version": FORMAT_VERSION,
        "dataset": dataset,
        "task": task,
        "parameters": {p.name: {**_plain(p), "unit": units[p.name]} for p in fit.parameters},
        "jpeg_quality": {str(quality): count for quality, count in sorted(qualities.items())},
        "not_identified": [p.name for p in fit.parameters if not p.identified],
        "not_visible": ["glare", "latency", "jitter", "drop"],
        "misfit": fit.misfit,
        "versions": versions(),
    }


def _plain(parameter: Identified) -> dict[str, Any]:
    values = dataclasses.asdict(parameter)
    return {name: values[name] for name in ("value", "low", "high", "left", "alike")} | {
        "identified": parameter.identified
    }


def shrinkage(view: View) -> dict[str, float]:
    """Return the factors from the whole frames of a camera to the frames that policies are trained on, by parameter."""
    scale = view.size[0] / view.crop[2]
    part = view.camera.crop(*view.crop)
    return dict.fromkeys(SIZED, scale) | {"vignette": _corner(part) / _corner(view.camera)}


def _corner(camera: Camera) -> float:
    """Return the squared distance [px^2] of the farthest corner from the optical axis."""
    x, y = max(camera.cx, camera.width - 1 - camera.cx), max(camera.cy, camera.height - 1 - camera.cy)
    return x**2 + y**2


def narrowed(default: Randomization, fit: SensorFit, qualities: Mapping[int, int], view: View) -> Randomization:
    """Return the randomization with ranges of identified parameters around them; all others are kept.

    The ranges are for frames as policies are trained on: a part of the camera's, usually smaller. JPEG is left out for
    smaller ones, whose blocks would be of other sizes.
    """
    known = {p.name: p for p in fit.parameters if p.identified}
    ranges = {name: _range(known[name]) for name in known if name not in ("noise", "shot_share")}
    if "noise" in known:
        most = _range(known["noise"])[1]  # how much of it is shot noise stays open
        ranges |= {"read_noise": (0.0, most), "shot_noise": (0.0, most / math.sqrt(MIDDLE))}
    factors = shrinkage(view)
    jpeg = sorted(quality for quality in qualities if quality) if view.size == view.crop[2:] else []
    replaced = {*ranges, *(["jpeg_quality"] if jpeg else [])}
    kept = tuple(vary for vary in default.varied if vary.field.removeprefix("sensor.") not in replaced)
    components = {p.name: (p.field, () if p.component is None else (p.component,)) for p in PARAMETERS}
    added = []
    for name, ends in ranges.items():
        field, parts = components.get(name, (name, ()))
        low, high = np.clip(np.multiply(factors.get(name, 1.0), ends), *LIMITS[field]).round(4).tolist()
        added.append(Vary(f"sensor.{field}", "uniform", (low, high), "set", components=parts))
    if jpeg:
        added.append(Vary("sensor.jpeg_quality", "choice", tuple(map(float, jpeg)), "set"))
    return Randomization(kept + tuple(added), default.name, default.robot)


def _range(parameter: Identified) -> tuple[float, float]:
    margin = WIDEN * parameter.value
    return min(parameter.low, parameter.value - margin), max(parameter.high, parameter.value + margin)


def randomization_text(randomization: Randomization, dataset: str, unidentified: list[str]) -> str:
    """Return TOML for `pretrain --randomization`."""
    lines = [
        f"# The default randomization with the sensor narrowed to what was identified from {dataset};",
        "# sizes in pixels of the frames that policies are trained on. Not identified, and therefore as in the",
        f"# default: {', '.join(unidentified) or 'nothing'}.",
    ]
    if randomization.robot:
        lines += ["", f'robot = "{randomization.robot}"']
    plain = {field.name: field.default for field in dataclasses.fields(Vary)}
    for vary in randomization.varied:
        lines += ["", "[[vary]]"]
        for name, value in dataclasses.asdict(vary).items():
            if value != plain[name]:
                lines.append(f"{name} = {_toml(value)}")
    return "\n".join([*lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"[{', '.join(map(str, value))}]"


def counted(qualities: np.ndarray) -> dict[int, int]:
    """Return how many units show each JPEG quality."""
    return dict(sorted(Counter(qualities.tolist()).items()))
