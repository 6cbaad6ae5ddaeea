"""Identification of a camera's sensor: the function behind `sim2real identify sensor`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from envs.batch_env import resolve_randomization
from sim2real.errors import InputError
from sim2real.files import write_file, write_json
from sim2real.identification.sensor.compression import find_quality
from sim2real.identification.sensor.config import SensorConfig
from sim2real.identification.sensor.fit import SensorFit, fit_sensor
from sim2real.identification.sensor.likelihood import Optics, Scenes, optics_of, planes
from sim2real.identification.sensor.recorded import RecordedFrames, read_some
from sim2real.identification.sensor.result import counted, narrowed, randomization_text, sensor_file
from sim2real.identification.sensor.scenes import look_of, render_scenes
from sim2real.progress import Progress, Stages, no_stages, silent
from sim2real.runs import start_run

SAME = 5  # difference of qualities up to which frames show the JPEG of their files, not an earlier one


@dataclass(frozen=True)
class SensorIdentification:
    """A sensor, identified from recordings.

    Attributes:
        config: settings.
        folder: folder of the run, with sensor.json and randomization.toml.
        metrics: content of its `metrics.json`.
        recorded: frames of the recordings.
        scenes: rendered frames.
        fit: the fitted sensor.
        qualities: JPEG quality -> number of units that show it; 0 is none.
        distances: statistic -> distance of recordings from rendered frames, in standard deviations between scenes,
            through the nominal and through the identified sensor.
    """

    config: SensorConfig
    folder: Path
    metrics: Mapping[str, Any]
    recorded: RecordedFrames
    scenes: Scenes
    fit: SensorFit
    qualities: Mapping[int, int]
    distances: Mapping[str, tuple[float, float]]


def identify_sensor(config: SensorConfig, out: Path | None = None, stages: Stages = no_stages) -> SensorIdentification:
    """Fit vignette, blur, noise, colours and tone of a camera to unlabelled frames, against rendered ones.

    The run's folder gets config.json, sensor.json, randomization.toml and metrics.json.

    Args:
        out: folder of the run; None: a new one under `runs/`.

    Raises:
        InputError: no such dataset or task, no images, too few of them or of another shape, or a folder in use;
            nothing is written.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists: choose another --out")
    spec, view = look_of(config.task)
    recorded = read_some(config.dataset, spec, config.frames, stages("read recordings"))
    rendered = render_scenes(config.task, config.worlds, config.seed, stages("render scenes"))
    scenes, fit, found, distances = fit_frames(recorded, rendered, optics_of(view), config.seed, stages("fit"))
    run, config = start_run("identify-sensor", config, out, resume=False)
    content = sensor_file(fit, counted(found), config.dataset, config.task)
    write_json(run.folder / "sensor.json", content)
    randomization = narrowed(resolve_randomization(spec, "default"), fit, counted(found), view)
    text = randomization_text(randomization, Path(config.dataset).name, content["not_identified"])
    write_file(run.folder / "randomization.toml", text.encode())
    run.write_metrics(_metrics(fit, recorded, content, distances))
    return SensorIdentification(config, run.folder, run.metrics, recorded, scenes, fit, counted(found), distances)


class FittedFrames(NamedTuple):
    """Scenes, fit and distances as in `SensorIdentification`, and the JPEG qualities (units,)."""

    scenes: Scenes
    fit: SensorFit
    qualities: np.ndarray
    distances: dict[str, tuple[float, float]]


def fit_frames(
    recorded: RecordedFrames, rendered: np.ndarray, optics: Optics, seed: int, progress: Progress = silent
) -> FittedFrames:
    """Fit a sensor to recorded frames, given rendered ones (p, t, H, W, 3) uint8."""
    found = _qualities(recorded)
    spread = np.sort(found)[(np.arange(len(rendered)) * len(found)) // len(rendered)]
    # As often as in the recordings, in an order that has nothing to do with the worlds'.
    order = np.random.default_rng(seed).permutation(spread)
    scenes = Scenes(rendered, optics, order, seed, recorded.stored or 0)
    wanted = torch.stack([optics.described(planes(group)) for group in recorded.images])
    fit = fit_sensor(scenes, wanted, recorded.unit, progress)
    return FittedFrames(scenes, fit, found, _distances(scenes, optics, fit, wanted.mean(0)))


def _qualities(recorded: RecordedFrames) -> np.ndarray:
    """Return (units,) qualities of the JPEG before that of the files; resizing and videos wipe out the blocks."""
    units = np.unique(recorded.unit)
    if recorded.stored is None:
        return np.zeros(len(units), int)
    height, width = recorded.images.shape[2:4]
    parts = [recorded.images[recorded.unit == k].reshape(-1, height, width, 3) for k in units]
    found = np.array([find_quality(planes(part[:, : height // 8 * 8, : width // 8 * 8])) for part in parts])
    return np.where(np.abs(found - recorded.stored) <= SAME, 0, found)


def _distances(scenes: Scenes, optics: Optics, fit: SensorFit, wanted: Tensor) -> dict[str, tuple[float, float]]:
    """Return each statistic's distance before and after, on the scale of the scenes through the identified sensor."""
    before, after = scenes.statistics(None), fit.statistics
    spread = after.std(0).clamp(min=0.03)
    names = optics.names(planes(scenes.images[0]))
    pairs = torch.stack([(wanted - each.mean(0)) / spread for each in (before, after)], 1)
    return {name: (float(pair[0]), float(pair[1])) for name, pair in zip(names, pairs, strict=True)}


def _metrics(
    fit: SensorFit,
    recorded: RecordedFrames,
    content: Mapping[str, Any],
    distances: Mapping[str, tuple[float, float]],
) -> dict[str, Any]:
    squares = np.square(np.array(list(distances.values())))
    return {
        "finished": True,
        "frames": int(np.prod(recorded.images.shape[:2])),
        "unit": recorded.units.describe(),
        "stored_quality": recorded.stored,
        **{name: content[name] for name in ("parameters", "jpeg_quality", "not_identified", "misfit")},
        "correlation": fit.correlation.tolist(),
        "distance": dict(zip(("nominal", "identified"), np.sqrt(squares.mean(0)).tolist(), strict=True)),
        "distances": {name: list(pair) for name, pair in distances.items()},
    }
