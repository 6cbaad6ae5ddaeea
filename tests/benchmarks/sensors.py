"""Measures whether the intervals of `sim2real identify sensor` cover the truth, over sensors drawn at random.

    .venv/bin/python tests/benchmarks/sensors.py --sensors 24 --out runs/sensors

Each sensor is drawn uniformly in RANGES, and sees one place: a world of the default randomization whose looks are held
still, or one of the rehearsal car's four places, which the tool never renders. 300 frames of it, compressed as `record`
does, are identified as the tool does. The factors by which standard errors must be widened are fitted on the first half
of the sensors and checked on the second. Finished sensors are kept in the folder, so that the same command resumes.
"""

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from envs import Randomization, make_task
from envs.batch_env import resolve_randomization
from envs.random import WorldRandom
from envs.sensor import Sensor, SensorConfig
from sim2real.datasets import images
from sim2real.files import read_json, write_json
from sim2real.identification.sensor.compression import stored_quality
from sim2real.identification.sensor.identify import fit_frames
from sim2real.identification.sensor.likelihood import optics_of
from sim2real.identification.sensor.parameters import MIDDLE, PARAMETERS, Parameter
from sim2real.identification.sensor.recorded import TOGETHER, RecordedFrames, groups_of
from sim2real.identification.sensor.scenes import look_of, render_frames, render_scenes
from sim2real.statistics.units import Units

TASK = "LaneFollow"
RANGES = {
    **{"exposure": (0.7, 1.5), "gamma": (0.7, 1.3), "contrast": (0.8, 1.2), "saturation": (0.6, 1.4)},
    **{"vignette": (0.0, 0.55), "defocus": (0.2, 1.3), "motion_blur": (0.0, 4.0)},
    **{"read_noise": (0.3, 8.0), "shot_noise": (0.0, 0.7)},
}
"""From the least to the most of the default randomization and the rehearsal car."""
GAINS = (0.8, 1.2)  # of red and blue
QUALITIES = (0, 30, 50, 70, 90)
PLACES = ("default", "rehearsal", "default", "gloss", "default", "tape", "default", "walls")
EPISODES, FRAMES, APART = 12, 25, 3
REACH = 1.645  # standard errors on either side of a 90 % interval
WANTED = 0.9


def drawn(random: np.random.Generator) -> SensorConfig:
    """Return a sensor drawn uniformly."""
    values: dict[str, Any] = {name: float(random.uniform(*ends)) for name, ends in RANGES.items()}
    red, blue = random.uniform(*GAINS, 2)
    quality = float(random.choice(QUALITIES))
    return SensorConfig(white_balance=(float(red), 1.0, float(blue)), jpeg_quality=quality, **values)


def still(randomization: Randomization, random: np.random.Generator) -> Randomization:
    """Return the randomization with one draw per entry, so that all worlds are nearly one place; what differs between
    the values of an object, such as the colours of clutter, stays random."""
    varied = []
    for vary in randomization.varied:
        if vary.each == "value":
            varied.append(vary)
        elif vary.distribution == "choice":
            varied.append(replace(vary, range=(float(random.choice(vary.range)),)))
        else:
            a, b = vary.range
            value = random.normal(a, b) if vary.distribution == "normal" else random.uniform(a, b)
            varied.append(replace(vary, distribution="uniform", range=(float(value), float(value))))
    return replace(randomization, varied=tuple(varied))


def recording(sensor: SensorConfig, place: str, seed: int) -> RecordedFrames:
    """Return frames of a place through a sensor, as a recording has them."""
    task, random = make_task(TASK, "recording"), np.random.default_rng([seed, 1])
    preset = {"default": "default", "rehearsal": "rehearsal"}.get(place, f"rehearsal-{place}")
    randomization = resolve_randomization(task.spec, preset)
    seeds = 10_000 + 100 * seed + np.arange(EPISODES)
    chosen = still(randomization, random) if place == "default" else randomization
    bare = render_frames(task, chosen, seeds, APART, FRAMES)
    camera = look_of(TASK)[1].camera
    model = Sensor(
        *(sensor, EPISODES, camera.height, camera.width, WorldRandom(seeds)),
        center=(camera.cx, camera.cy),
    )
    seen = np.stack([model.apply(bare[:, k]) for k in range(FRAMES)], 1).reshape(-1, *bare.shape[2:])
    files = [images.encode(image, ".jpg") for image in seen]
    kept = np.stack([images.decode(content) for content in files])
    units = Units.undivided(np.repeat(np.arange(EPISODES), FRAMES))
    groups = groups_of(units.index)
    return RecordedFrames(kept[groups], units.index[groups[:, 0]], units, stored_quality(files[0]))


def truth(sensor: SensorConfig) -> dict[str, float]:
    """Return the true values by the names of the parameters."""
    red, _, blue = sensor.white_balance
    variance, shot = sensor.read_noise**2, sensor.shot_noise**2 * MIDDLE
    known = {"white_balance[0]": red, "white_balance[2]": blue}
    known |= {"noise": math.sqrt(variance + shot), "shot_share": shot / (variance + shot)}
    return {p.name: known[p.name] if p.name in known else float(getattr(sensor, p.name)) for p in PARAMETERS}


def widths() -> dict[str, float]:
    """Return the 90 % width of the truth before any frame, by parameter."""
    random = np.random.default_rng(0)
    values = [truth(drawn(random)) for _ in range(4000)]
    spread = {p.name: np.quantile([v[p.name] for v in values], (0.05, 0.95)) for p in PARAMETERS}
    return {name: float(high - low) for name, (low, high) in spread.items()}


def identified(seed: int, rendered: np.ndarray) -> dict[str, Any]:
    """Return truth, estimate and raw standard error (on scales z) of one drawn sensor."""
    sensor, place = drawn(np.random.default_rng([seed, 2])), PLACES[seed % len(PLACES)]
    recorded = recording(sensor, place, seed)
    start = time.process_time()
    found = fit_frames(recorded, rendered, optics_of(look_of(TASK)[1]), 0)
    seconds, known = time.process_time() - start, truth(sensor)
    rows = {
        scale.name: {
            "true": known[scale.name],
            "z": float(found.fit.z[k]),
            "value": parameter.value,
            "error": parameter.error / scale.widen,
        }
        for k, (scale, parameter) in enumerate(zip(PARAMETERS, found.fit.parameters, strict=True))
    }
    qualities = [int(quality) for quality in np.unique(found.qualities)]
    jpeg = {"jpeg_quality": sensor.jpeg_quality, "found_quality": qualities}
    return {"place": place, "seconds": seconds, "misfit": found.fit.misfit, **jpeg, "rows": rows}


def ratios(cells: list[dict[str, Any]], scale: Parameter) -> np.ndarray:
    """Return the error of each sensor in half widths of the raw 90 % interval."""
    rows = [cell["rows"][scale.name] for cell in cells]
    return np.array([abs(row["z"] - scale.inverse(row["true"])) / (REACH * row["error"]) for row in rows])


def factor(errors: np.ndarray) -> float:
    """Return the factor with which intervals cover at least 9 of 10 new truths (split conformal prediction)."""
    rank = min(math.ceil((len(errors) + 1) * WANTED), len(errors))
    return max(float(np.sort(errors)[rank - 1]), 1.0)


def lines(cells: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown table: coverage of raw intervals, of those in the tool, and the factors of one half."""
    half, prior = len(cells) // 2, widths()
    first, second = cells[:half], cells[half:]
    head = "raw | factor, first half | second half, raw | so widened | in the tool | foreign places | width | error"
    table = [f"| parameter | {head} | error of a guess |", "|---" * 10 + "|"]
    foreign = [cell for cell in cells if cell["place"] != "default"]
    for scale in PARAMETERS:
        name = scale.name
        every, fitted, checked = (ratios(part, scale) for part in (cells, first, second))
        wide, rows = factor(fitted), [cell["rows"][name] for cell in cells]
        ends = [scale.ends(r["z"], REACH * scale.widen * r["error"]) for r in rows]
        width = np.median([min(high - low, 10 * prior[name]) for low, high in ends]) / prior[name]
        true = np.array([row["true"] for row in rows])
        error = np.median([abs(row["value"] - row["true"]) for row in rows])
        guess = np.median(abs(true - np.median(true)))
        counts = [_count(every <= 1), f"{wide:.2f}", _count(checked <= 1), _count(checked <= wide)]
        counts += [_count(part <= scale.widen) for part in (every, ratios(foreign, scale))]
        counts += [f"{width:.2f}", f"{error:.3g}", f"{guess:.3g}"]
        table.append(f"| {name} | {' | '.join(counts)} |")
    right = sum(cell["found_quality"] == [round(cell["jpeg_quality"])] for cell in cells)
    seconds = np.median([cell["seconds"] for cell in cells])
    return [*table, f"JPEG quality right in {right} of {len(cells)}; {seconds:.0f} CPU seconds per fit (median)."]


def _count(covered: np.ndarray) -> str:
    return f"{int(covered.sum())} of {len(covered)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sensors", type=int, default=24)
    parser.add_argument("--worlds", type=int, default=96)
    parser.add_argument("--out", type=Path, default=Path("runs/sensors"), metavar="FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "sensors.json"
    cells: list[dict[str, Any]] = read_json(path)["cells"] if path.exists() else []
    if not (kept := options.out / "rendered.npy").exists():
        np.save(kept, render_scenes(TASK, options.worlds, 0))
    rendered = np.load(kept)
    for seed in range(len(cells), options.sensors):
        cells.append(identified(seed, rendered))
        write_json(path, {"cells": cells, "together": TOGETHER})
        print(seed, cells[-1]["place"], f"misfit {cells[-1]['misfit']:.2f}", flush=True)
    print("\n".join(lines(cells)))


if __name__ == "__main__":
    main()
