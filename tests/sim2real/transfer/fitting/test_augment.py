"""Photometric augmentation changes colours as it says, and not the scene."""

import numpy as np
import pytest

from sim2real.transfer.fitting.augment import photometric


def grey(value: int, n: int = 200) -> np.ndarray:
    return np.full((n, 12, 16, 3), value, np.uint8)


def test_no_strength_changes_nothing():
    images = grey(100)
    assert photometric(images, 0.0, np.random.default_rng(0)) is images


def test_the_same_generator_gives_the_same_images_and_leaves_the_given_ones():
    images = np.random.default_rng(0).integers(0, 256, (8, 12, 16, 3), dtype=np.uint8)
    kept = images.copy()
    first, second = (photometric(images, 0.5, np.random.default_rng(7)) for _ in range(2))
    assert first.dtype == np.uint8 and first.shape == images.shape
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize("value", [40, 128, 200])
def test_images_differ_in_brightness_colour_and_noise_about_their_own(value: int):
    out = photometric(grey(value), 0.5, np.random.default_rng(0)).astype(float)
    means = out.mean((1, 2))
    assert abs(np.median(means) - value) < 0.06 * value
    assert 0.03 * value < means.mean(1).std() < 0.4 * value  # gain and gamma per image
    assert means.std(1).mean() > 0.02 * value  # gain per channel
    within = out.std((1, 2)).mean(1)
    assert within.min() < 0.6 and 1.0 < within.mean() < 4.0  # noise of another level in each image


def test_a_quarter_is_blurred_at_half_strength():
    stripes = np.zeros((400, 12, 16, 3), np.uint8)
    stripes[:, :, ::2] = 120
    out = photometric(stripes, 0.5, np.random.default_rng(0)).astype(float)
    contrast = out[:, 1:-1, 2:-2:2].mean((1, 2, 3)) - out[:, 1:-1, 3:-2:2].mean((1, 2, 3))
    assert 0.18 < (contrast < 60).mean() < 0.32
