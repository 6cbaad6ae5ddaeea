"""Frames of any size to the network's image, and the normalization that NumPy and torch share."""

import subprocess
import sys
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Preprocessing, normalize
from policies.policy import normalize_images
from policies.preprocessing import NORMALIZATIONS, _warn_of_stretching

rng = np.random.default_rng(0)
raw = rng.integers(0, 256, (4, 120, 160, 3), dtype=np.uint8)


def test_a_raw_frame_is_cropped_and_reduced_and_its_result_passes_unchanged() -> None:
    preprocessing = Preprocessing()
    small = preprocessing(raw)
    expected = np.stack([cv2.resize(frame[24:], (80, 48), interpolation=cv2.INTER_AREA) for frame in raw])
    assert small.shape == (4, 48, 80, 3) and small.dtype == np.uint8
    np.testing.assert_array_equal(small, expected)
    np.testing.assert_array_equal(preprocessing(small), small)
    np.testing.assert_array_equal(preprocessing(raw[1]), expected[1:2])


@pytest.mark.parametrize("scale", [2, 4])
def test_a_larger_frame_of_the_same_aspect_gives_the_same_image(scale: int) -> None:
    large = raw.repeat(scale, 1).repeat(scale, 2)
    assert np.abs(Preprocessing()(large).astype(int) - Preprocessing()(raw)).max() <= 1


def test_another_aspect_is_stretched_with_one_warning() -> None:
    _warn_of_stretching.cache_clear()
    square = np.full((2, 100, 100, 3), 7, np.uint8)
    with pytest.warns(UserWarning, match="images.front is 100x100: stretched to 80x48"):
        assert (Preprocessing()(square) == 7).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Preprocessing()(square[0]).shape == (1, 48, 80, 3)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_numpy_and_torch_normalize_alike(normalization: str) -> None:
    images = np.concatenate([Preprocessing()(raw), np.full((1, 48, 80, 3), 9, np.uint8)])
    ours, torchs = normalize(images, normalization), normalize_images(torch.from_numpy(images), normalization)
    assert ours.shape == (5, 3, 48, 80) and ours.dtype == np.float32 and torchs.is_contiguous()
    np.testing.assert_allclose(ours, torchs.numpy(), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(0.3, 1.0), offset=st.floats(0, 60))
def test_exposure_and_contrast_do_not_matter(gain: float, offset: float) -> None:
    image = raw[:1] * 0.75
    seen = normalize((image * gain + offset).round().astype(np.uint8))
    reference = normalize(image.round().astype(np.uint8))
    assert np.abs(seen - reference).max() < 0.05


def test_per_image_keeps_differences_between_colours_and_per_channel_removes_a_cast() -> None:
    image = raw[:1] // 2 + 20
    cast = image.copy()
    cast[..., 0] += 60
    assert normalize(cast, "per-image").mean((2, 3))[0, 0] > 0.5
    np.testing.assert_allclose(normalize(cast, "per-channel"), normalize(image, "per-channel"), atol=1e-4)


def test_a_blank_frame_becomes_zeros() -> None:
    assert not normalize(np.full((1, 48, 80, 3), 128, np.uint8)).any()


@pytest.mark.parametrize("image", [raw.astype(np.float32), raw[..., 0], raw[:, :, :0], raw[..., :2]])
def test_what_is_not_an_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 of shape"):
        Preprocessing()(image)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop": (0, 30, 160, 96)}, "does not fit"),
        ({"size": (0, 48)}, "does not fit"),
        ({"normalization": "batch"}, "unknown normalization 'batch'; valid: per-image"),
    ],
)
def test_a_config_that_cannot_be_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Preprocessing(), **change)


def test_it_runs_without_torch_and_mujoco() -> None:
    code = (
        "import sys; from policies.preprocessing import Preprocessing, normalize; import numpy as np;"
        "normalize(Preprocessing()(np.zeros((120, 160, 3), np.uint8)));"
        "bad = {'torch', 'mujoco', 'stable_baselines3'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
