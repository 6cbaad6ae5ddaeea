"""Files of an identified sensor: sensor.json, and the default randomization narrowed around it."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.randomization import Randomization, Vary
from envs.sensor import LIMITS
from envs.task import View
from sim2real.identification.sensor.fit import Identified, SensorFit
from sim2real.identification.sensor.parameters import MIDDLE, PARAMETERS
from sim2real.runs import versions

FORMAT_VERSION = 1
WIDEN = 0.1  # minimum half width of a range, relative to the value: sessions differ, and a camera ages


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


def narrowed(default: Randomization, fit: SensorFit, qualities: Mapping[int, int], view: View) -> Randomization:
    """Return the randomization with ranges of identified parameters around them; all others are kept.

    The ranges are for frames as policies are trained on, usually smaller ones than the camera's: blur is shorter in
    them, and noise less, as a pixel averages more. JPEG is left out for these, whose blocks would be of other sizes.
    """
    known = {p.name: p for p in fit.parameters if p.identified}
    ranges = {name: _range(known[name]) for name in known if name != "noise"}
    if "noise" in known:
        most = _range(known["noise"])[1]  # how much of it is shot noise stays open
        ranges |= {"read_noise": (0.0, most), "shot_noise": (0.0, most / math.sqrt(MIDDLE))}
    scale = view.size[0] / view.crop[2]  # from the camera's frames to those that policies are trained on
    jpeg = sorted(quality for quality in qualities if quality) if view.size == view.crop[2:] else []
    replaced = {*ranges, *(["jpeg_quality"] if jpeg else [])}
    kept = tuple(vary for vary in default.varied if vary.field.removeprefix("sensor.") not in replaced)
    added = []
    for name, ends in ranges.items():
        low, high = np.clip(np.multiply(scale, ends), *LIMITS[name]).round(4).tolist()
        added.append(Vary(f"sensor.{name}", "uniform", (low, high), "set"))
    if jpeg:
        added.append(Vary("sensor.jpeg_quality", "choice", tuple(map(float, jpeg)), "set"))
    return Randomization(kept + tuple(added), default.name, default.robot)


def _range(parameter: Identified) -> tuple[float, float]:
    margin = WIDEN * parameter.value
    return min(parameter.low, parameter.value - margin), max(parameter.high, parameter.value + margin)


def randomization_text(randomization: Randomization, dataset: str, unidentified: list[str]) -> str:
    """Return TOML for `pretrain --randomization`."""
    return randomization.to_toml(
        f"The default randomization with the sensor narrowed to what was identified from {dataset};",
        "sizes in pixels of the frames that policies are trained on. Not identified, and therefore as in the",
        f"default: {', '.join(unidentified) or 'nothing'}.",
    )


def counted(qualities: np.ndarray) -> dict[int, int]:
    """Return how many units show each JPEG quality."""
    return dict(sorted(Counter(qualities.tolist()).items()))
