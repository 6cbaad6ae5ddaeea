"""Each effect of image formation does what its parameter says."""

from typing import Any

import cv2
import numpy as np
import pytest

from envs.random import WorldRandom
from envs.sensor import Sensor, SensorConfig


def sensor(worlds: int = 1, size: tuple[int, int] = (48, 80), **config: Any) -> Sensor:
    return Sensor(SensorConfig(**config), worlds, *size, WorldRandom(np.arange(worlds)))


def grey(level: int, n: int = 1) -> np.ndarray:
    return np.full((n, 48, 80, 3), level, np.uint8)


def scenes(n: int, size: tuple[int, int] = (48, 80)) -> np.ndarray:
    """(n, H, W, 3) smooth colourful pictures with an edge, all different."""
    v, u = np.mgrid[: size[0], : size[1]]
    k = np.arange(n)[:, None, None]
    red, green = 128 + 100 * np.sin(0.1 * u + k), 128 + 100 * np.cos(0.2 * v - k)
    return np.stack([red, green, np.where(u + v > 50 + k, 220.0, 30.0)], -1).astype(np.uint8)


def test_noise_has_the_std_asked_for_and_is_new_in_every_frame():
    of = sensor(2, read_noise=6.0)
    first, second = of.apply(grey(128, 2)).astype(float), of.apply(grey(128, 2)).astype(float)
    assert first.std() == pytest.approx(6.0, rel=0.03)
    assert first.mean() == pytest.approx(128, abs=0.2)
    for a, b in ((first, second), (first[0], first[1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.05
    for level in (40, 160):
        shot = sensor(3, shot_noise=0.5, read_noise=2.0).apply(grey(level, 3))
        assert shot.std() == pytest.approx(np.sqrt(2.0**2 + 0.5**2 * level), rel=0.04)


def test_vignette_takes_its_share_in_the_corners_and_nothing_on_the_axis():
    out = sensor(vignette=0.4, size=(49, 81)).apply(np.full((1, 49, 81, 3), 200, np.uint8))[0]
    for corner in (out[0, 0], out[0, -1], out[-1, 0], out[-1, -1]):
        assert corner.tolist() == [120, 120, 120]
    assert out[24, 40].tolist() == [200, 200, 200]
    off_axis = Sensor(SensorConfig(vignette=0.4), 1, 48, 80, WorldRandom(np.zeros(1)), center=(10, 5)).apply(grey(200))
    assert off_axis[0, 5, 10, 0] == 200 and off_axis[0, -1, -1, 0] == 120 and off_axis[0, 0, 0, 0] > 195


def test_exposure_and_white_balance_are_gains_that_saturate():
    out = sensor(exposure=1.5, white_balance=(1.0, 0.5, 2.0)).apply(grey(100))[0, 3, 4]
    assert out.tolist() == [150, 75, 255]


def test_gamma_contrast_and_saturation():
    assert sensor(gamma=2.0).apply(grey(100))[0, 0, 0, 0] == round(255 * (100 / 255) ** 2)
    assert sensor(gamma=0.5).apply(grey(0)).max() == 0
    assert sensor(contrast=0.5).apply(grey(27))[0, 0, 0, 0] == round(127.5 - 0.5 * 100.5)
    colour = np.broadcast_to(np.array([200, 100, 50], np.uint8), (1, 48, 80, 3))
    without = sensor(saturation=0.0).apply(colour)[0, 0, 0]
    assert without.tolist() == [round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)] * 3
    more = sensor(saturation=1.5).apply(colour)[0, 0, 0]
    assert more[0] > 200 and more[2] < 50


@pytest.mark.parametrize("effect", [{"defocus": 1.5}, {"motion_blur": 7.0}])
def test_blur_smooths_and_keeps_the_mean(effect: dict[str, Any]):
    frames = np.random.default_rng(0).integers(60, 200, (3, 48, 80, 3)).astype(np.uint8)
    out = sensor(3, **effect).apply(frames)
    np.testing.assert_allclose(out.mean((1, 2)), frames.mean((1, 2)), atol=0.1)
    assert out.std() < 0.5 * frames.std()


def test_defocus_is_opencvs_gaussian():
    frames = scenes(2)
    expected = np.stack([cv2.GaussianBlur(f, (9, 9), 1.2, borderType=cv2.BORDER_REFLECT) for f in frames])
    assert np.abs(sensor(2, defocus=1.2).apply(frames).astype(int) - expected).max() <= 1


def test_motion_blur_is_horizontal_and_as_long_as_the_travel():
    point = np.zeros((1, 48, 80, 3), np.uint8)
    point[0, 20, 40] = 210
    out = sensor(motion_blur=4.0).apply(point)[0]
    assert np.unique(np.nonzero(out)[0]).tolist() == [20]
    assert out[20, :, 0].nonzero()[0].tolist() == [38, 39, 40, 41, 42]
    assert set(out[20, 38:43].ravel().tolist()) == {42}


def test_glare_only_adds_light_and_lies_elsewhere_in_the_next_episode():
    of = sensor(glare=0.5)
    first = of.apply(grey(20)).astype(int)
    assert first.min() >= 20 and 120 <= first.max() <= 20 + 128
    np.testing.assert_array_equal(of.apply(grey(20)), first)
    of.reset(np.array([0]))
    assert (of.apply(grey(20)) != first).any()


def through_jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
    bgr = np.ascontiguousarray(frame[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [*options, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[..., ::-1]


@pytest.mark.parametrize("size", [(48, 80), (45, 61)])
def test_jpeg_is_that_of_single_files_at_the_nearest_ten(size: tuple[int, int]):
    frames = scenes(5, size)
    of = sensor(5, size)
    of.params["jpeg_quality"][:, 0] = (30, 0, 34, 72, 1)
    for out, frame, quality in zip(of.apply(frames), frames, (30, 0, 30, 70, 10), strict=True):
        np.testing.assert_array_equal(out, through_jpeg(frame, quality) if quality else frame)


def test_jpeg_keeps_red_red():
    red = np.broadcast_to(np.array([230, 20, 10], np.uint8), (1, 48, 80, 3))
    out = sensor(jpeg_quality=60).apply(red)[0, 20, 20].astype(int)
    assert out[0] > 200 and out[2] < 40
