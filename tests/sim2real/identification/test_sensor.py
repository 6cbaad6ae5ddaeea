"""The twin is the simulator's sensor, statistics tell of it, and a narrowed randomization says what was found."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from drives import image_of, record_drives
from envs import image_formation, make_task
from envs.batch_env import resolve_randomization
from envs.random import WorldRandom
from envs.randomization import Randomization
from envs.sensor import Sensor, SensorConfig
from sim2real.datasets.images import encode
from sim2real.identification.sensor.compression import find_quality, stored_quality
from sim2real.identification.sensor.features import features
from sim2real.identification.sensor.fit import Identified, SensorFit, fit_sensor
from sim2real.identification.sensor.jpeg import compressed
from sim2real.identification.sensor.likelihood import Scenes, optics_of, planes
from sim2real.identification.sensor.parameters import NAMES, PARAMETERS, START, values_of
from sim2real.identification.sensor.recorded import read_some
from sim2real.identification.sensor.result import narrowed, randomization_text
from sim2real.identification.sensor.twin import form

VIEW = make_task("LaneFollow", "train").spec.cameras["front"]
LUMA = torch.tensor([0.299, 0.587, 0.114])


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """(count, 120, 160, 3) uint8: coloured shapes with edges, smooth light, no noise."""
    random = np.random.default_rng(seed)
    v, u = np.mgrid[:120, :160]
    frames = []
    for _ in range(count):
        ground, shape = random.uniform(40, 200, (2, 3))
        angle, place = random.uniform(0, np.pi), random.uniform(40, 100)
        side = (np.cos(angle) * u + np.sin(angle) * v > place)[..., None]
        light = 1 + 0.1 * np.sin(0.03 * u + random.uniform(0, 6))[..., None]
        frames.append(np.clip(np.where(side, ground, shape) * light, 0, 255))
    return np.array(frames).astype(np.uint8)


def drawn(seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    ranges = {"exposure": (0.7, 1.4), "gamma": (0.7, 1.3), "contrast": (0.8, 1.2), "saturation": (0.5, 1.5)}
    ranges |= {"vignette": (0.0, 0.6), "defocus": (0.05, 1.5), "motion_blur": (0.0, 6.0)}
    values: dict[str, Any] = {name: random.uniform(*ends) for name, ends in ranges.items()}
    return values | {"white_balance": tuple(random.uniform(0.8, 1.2, 3))}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quality", [0, 30, 50, 90])
def test_the_twin_is_the_simulators_sensor(seed: int, quality: int):
    values, frames = drawn(seed), pictures(3, seed)
    config = SensorConfig.from_dict({**values, "jpeg_quality": quality})
    expected = Sensor(config, 3, 120, 160, WorldRandom(np.arange(3))).apply(frames)
    vignette = torch.from_numpy(image_formation.vignette_map(120, 160, (79.5, 59.5))[0, :, :, 0].copy())
    tensors = {name: torch.tensor(value, dtype=torch.float32) for name, value in values.items()}
    ours = form(planes(frames), tensors, vignette, None, quality).permute(0, 2, 3, 1).numpy()
    difference = np.abs(ours - expected)
    # A coefficient on the edge between two steps may fall to the other side, which shifts a block.
    assert difference.mean() < (0.5 if quality else 0.02)
    assert np.quantile(difference, 0.99) <= (4 if quality else 1)


def test_noise_has_the_same_spread():
    grey = np.full((8, 120, 160, 3), 100, np.uint8)
    values = {"read_noise": 4.0, "shot_noise": 0.5}
    expected = Sensor(SensorConfig.from_dict(values), 8, 120, 160, WorldRandom(np.arange(8))).apply(grey)
    neutral = {"exposure": 1.0, "gamma": 1.0, "contrast": 1.0, "saturation": 1.0, "vignette": 0.0, "defocus": 0.01}
    tensors = {name: torch.tensor(v) for name, v in {**neutral, "motion_blur": 0.0, **values}.items()}
    tensors["white_balance"] = torch.ones(3)
    noise = torch.randn((8, 3, 120, 160), generator=torch.Generator().manual_seed(0))
    ours = form(planes(grey), tensors, torch.zeros(120, 160), noise)
    assert abs(float(ours.std()) - expected.std()) < 0.05 and abs(expected.std() - 41**0.5) < 0.1


@pytest.mark.parametrize("quality", [30, 50, 75])
def test_the_comb_tells_the_quality(quality: int):
    noise = np.random.default_rng(0).normal(0, 8, (6, 120, 160, 3))
    frames = planes(np.clip(pictures(6) + noise, 0, 255).astype(np.uint8))
    assert find_quality(frames) == 0
    assert find_quality(compressed(frames, quality)) == quality


@pytest.mark.parametrize("quality", [10, 60, 75, 95])
def test_files_tell_their_quality(quality: int):
    content = cv2.imencode(".jpg", pictures(1)[0], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    assert stored_quality(content) == quality
    assert stored_quality(encode(pictures(1)[0])) == 0


def test_values_and_scales_are_inverse():
    for parameter in PARAMETERS:
        value = 0.7 * parameter.middle
        assert float(parameter.value(torch.tensor(parameter.inverse(value)))) == pytest.approx(value, rel=1e-5)


def scenes(count: int, quality: int = 0) -> Scenes:
    images = pictures(count * 6).reshape(count, 6, 120, 160, 3)
    return Scenes(images, optics_of(VIEW), np.full(count, quality), 0)


def test_statistics_do_not_depend_on_mirroring_about_the_axis():
    frames = planes(pictures(6))
    columns = (torch.arange(20) - 9.5).abs() / 10
    ours, turned = (features(each, columns) for each in (frames, frames.flip(3)))
    for name, value in ours.items():
        assert value == pytest.approx(float(turned[name]), abs=0.02), name


@pytest.mark.slow
def test_a_sensor_is_found_in_places_that_it_was_not_fitted_to():
    truth = START.clone()
    known = {"defocus": 0.5, "noise": 0.6}
    for name, move in known.items():
        truth[NAMES.index(name)] += move
    others = Scenes(pictures(120, seed=1).reshape(20, 6, 120, 160, 3), optics_of(VIEW), np.zeros(20, int), 7)
    found = fit_sensor(scenes(24), others.statistics(truth), np.arange(20))
    for name in known:
        k = NAMES.index(name)
        parameter, true = found.parameters[k], float(PARAMETERS[k].value(truth[k]))
        assert parameter.low < true < parameter.high and parameter.value > PARAMETERS[k].middle, parameter
    assert found.parameters[NAMES.index("noise")].identified  # 24 plain pictures tell less of the defocus


def found(**changes: Any) -> SensorFit:
    """A fit of which nothing is identified but what is said here: name=(value, low, high)."""
    parameters = []
    for parameter in PARAMETERS:
        value, low, high = changes.get(parameter.name, (parameter.middle, 0.5, 2.0))
        left = 0.2 if parameter.name in changes else 0.9
        parameters.append(Identified(parameter.name, value, low, high, 0.0, left, ()))
    return SensorFit(START, tuple(parameters), np.eye(len(NAMES)), 1.0, torch.zeros(16, 2))


def test_a_narrowed_randomization_keeps_what_is_unknown(tmp_path):
    default = resolve_randomization(make_task("LaneFollow", "train").spec, "default")
    randomization = narrowed(
        default, found(defocus=(1.0, 0.9, 1.1), noise=(4.0, 3.0, 5.0), vignette=(0.5, 0.4, 0.6)), {50: 3}, VIEW
    )
    path = tmp_path / "narrow.toml"
    path.write_text(randomization_text(randomization, "set", ["exposure"]))
    read = Randomization.load(path)
    assert read.varied == randomization.varied
    by_field = {vary.field: vary for vary in read.varied}
    assert by_field["sensor.defocus"].range == (0.45, 0.55)  # frames for training are half as large
    assert by_field["sensor.read_noise"].range == (0.0, 2.5)
    for name in ("sensor.exposure", "sensor.vignette"):  # never identified
        assert by_field[name] == next(v for v in default.varied if v.field == name)
    assert by_field.keys() - {v.field for v in default.varied} == {"sensor.shot_noise"}


def test_what_comes_near_the_end_of_a_scale_reaches_it():
    scale = next(parameter for parameter in PARAMETERS if parameter.name == "vignette")
    assert scale.ends(scale.inverse(0.05), 1.0)[0] == 0 and scale.ends(scale.inverse(0.85), 1.0)[1] == scale.most
    assert scale.inverse(0.0) == scale.inverse(scale.least)


def test_green_is_the_reference_of_the_white_balance():
    assert values_of(START)["white_balance"].tolist() == pytest.approx([1, 1, 1])


def test_frames_of_selected_episodes_are_theirs(tmp_path: Path):
    root = record_drives(tmp_path / "drives", [60, 130, 90, 70])
    seen = read_some(f"{root}[1:3]", make_task("LaneFollow", "train").spec, 10_000).images.reshape(-1, 120, 160, 3)
    theirs = np.array([image_of(k, row) for k, length in ((1, 130), (2, 90)) for row in range(length)])
    assert len(seen) > 200
    assert all((np.abs(theirs - image.astype(int)).mean((1, 2, 3)) < 12).any() for image in seen[::9])
