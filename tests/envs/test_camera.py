"""The camera against OpenCV, and against itself."""

import json
import math
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.camera import Camera

FOLDING = {  # lenses whose model ends inside the image
    "brown": Camera(80, 48, 30, 30, 39.5, 20, (-0.3, 0, 0, 0), "brown-conrady"),
    "tangential": Camera(80, 48, 30, 30, 39.5, 20, (-0.3, 0, 0.001, -0.002), "brown-conrady"),
    "rational": Camera(80, 48, 20, 20, 39.5, 20, (0, 0, 0, 0, 0, 0.5, 0, 0), "brown-conrady"),
    "fisheye": Camera(80, 48, 20, 20, 39.5, 20, (-0.1, -0.02, 0, 0), "fisheye"),
}


def reals(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def cameras(draw: st.DrawFn, models: tuple[str, ...] = ("pinhole", "brown-conrady", "fisheye")) -> Camera:
    """Cameras as calibrations give them: mild coefficients, a principal point off the middle."""
    height = draw(st.integers(16, 240))
    width = draw(st.integers(height, 2 * height))
    model = draw(st.sampled_from(models))
    distortion = ()
    if model == "brown-conrady":
        k1, k2, k3 = draw(reals(-0.3, 0.3)), draw(reals(-0.05, 0.05)), draw(reals(-0.01, 0.01))
        tangential = draw(reals(-0.002, 0.002)), draw(reals(-0.002, 0.002))
        rational = draw(reals(-0.05, 0.1)), draw(reals(-0.02, 0.02)), draw(reals(-0.005, 0.005))
        distortion = (k1, k2, *tangential, k3, *rational)[: draw(st.sampled_from((4, 5, 8)))]
    elif model == "fisheye":
        distortion = tuple(draw(reals(-s, s)) for s in (0.1, 0.03, 0.01, 0.002))
    f = width * draw(reals(0.45, 1.5))
    cx, cy = width * draw(reals(0.4, 0.6)), height * draw(reals(0.2, 0.8))
    return Camera(width, height, f, f * draw(reals(0.9, 1.1)), cx, cy, distortion, model)


def pixel_grid(camera: Camera, count: int = 13) -> np.ndarray:
    """(count², 2) pixels all over the image, its borders included."""
    u = np.linspace(-0.5, camera.width - 0.5, count)
    v = np.linspace(-0.5, camera.height - 0.5, count)
    return np.stack(np.meshgrid(u, v), -1).reshape(-1, 2)


def opencv(camera: Camera, points: np.ndarray) -> np.ndarray:
    zero, distortion = np.zeros(3), np.array(camera.distortion or (0.0, 0.0, 0.0, 0.0))
    if camera.model == "fisheye":
        pixels, _ = cv2.fisheye.projectPoints(points.reshape(1, -1, 3), zero, zero, camera.matrix, distortion)
    else:
        pixels, _ = cv2.projectPoints(points.reshape(-1, 1, 3), zero, zero, camera.matrix, distortion)
    return pixels.reshape(-1, 2)


@settings(max_examples=150, deadline=None)
@given(cameras(), reals(0.1, 30.0))
def test_project_agrees_with_opencv_all_over_the_image(camera: Camera, distance: float):
    directions = camera.unproject(pixel_grid(camera))
    directions = directions[directions[:, 2] > 0.05]  # OpenCV's fisheye goes through z = 1 and ends at 90 degrees
    assert len(directions) > 20
    points = directions * distance
    np.testing.assert_allclose(camera.project(points), opencv(camera, points), rtol=0, atol=1e-3)


@settings(max_examples=150, deadline=None)
@given(cameras())
def test_project_undoes_unproject(camera: Camera):
    pixels = pixel_grid(camera)
    directions = camera.unproject(pixels)
    seen = ~np.isnan(directions[:, 0])
    assert seen.sum() > 20
    np.testing.assert_allclose(camera.unproject(np.array([camera.cx, camera.cy])), [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(directions[seen], axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(camera.project(directions[seen]), pixels[seen], rtol=0, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(cameras(), st.integers(0, 2**32 - 1))
def test_unproject_undoes_project(camera: Camera, seed: int):
    directions = np.random.default_rng(seed).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # Close to its edge a lens compresses without bound, and direction and pixel no longer determine each other.
    field = min(camera._lens.limit, 20.0)
    radius = np.hypot(directions[:, 0], directions[:, 1])
    angle = np.arctan2(radius, directions[:, 2])
    inner = angle < 0.95 * (field if camera.model == "fisheye" else math.atan(field))
    pixels = camera.project(directions[inner])
    seen = ~np.isnan(pixels[:, 0])
    np.testing.assert_allclose(camera.unproject(pixels[seen]), directions[inner][seen], atol=1e-6)


def test_fisheye_sees_behind_itself():
    camera = Camera(200, 200, 40, 40, 99.5, 99.5, (0, 0, 0, 0), "fisheye")
    angle = math.radians(120)
    pixel = camera.project(np.array([math.sin(angle), 0, math.cos(angle)]))
    np.testing.assert_allclose(pixel, [99.5 + 40 * angle, 99.5], atol=1e-9)
    np.testing.assert_allclose(camera.unproject(pixel), [math.sin(angle), 0, math.cos(angle)], atol=1e-9)
    np.testing.assert_allclose(camera.project(np.array([0.0, 0, 2])), [99.5, 99.5])
    assert np.isnan(camera.project(np.array([0.0, 0, -2]))).all()


@pytest.mark.parametrize("model, distortion", [("pinhole", ()), ("brown-conrady", (0.1, 0, 0, 0))])
def test_points_behind_have_no_pixel(model: str, distortion: tuple[float, ...]):
    camera = replace(Camera.from_fov(64, 48, 1.0), model=model, distortion=distortion)
    pixels = camera.project(np.array([[0, 0, 1.0], [0, 0, -1.0], [0.1, 0, 0.0]]))
    assert np.isnan(pixels).tolist() == [[False, False], [True, True], [True, True]]


@pytest.mark.parametrize("name", FOLDING)
def test_beyond_the_edge_of_the_model_nothing_is_seen_but_every_ray_is_a_direction(name: str):
    camera = FOLDING[name]
    seen = ~np.isnan(camera.unproject(np.array([[39.5, 20], [79, 47]]))[:, 0])
    assert seen.tolist() == [True, False]
    limit = camera._lens.limit
    angle = (limit if camera.model == "fisheye" else math.atan(limit)) * np.array([0.9, 1.01])
    points = np.stack([np.zeros(2), -np.sin(angle), np.cos(angle)], -1)
    assert np.isnan(camera.project(points)[:, 0]).tolist() == [False, True]  # and no ghost inside the image
    rays = camera.rays()
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1, atol=1e-12)
    outermost = np.arccos(-rays[0, 47, 79, 2])
    assert outermost == pytest.approx(limit if camera.model == "fisheye" else math.atan(limit), abs=1e-6)
    assert rays[0, 47, 79, 0] > 0 > rays[0, 47, 79, 1]


@pytest.mark.parametrize("name", FOLDING)
def test_the_inversion_converges_close_to_the_edge(name: str):
    camera = FOLDING[name]
    limit = camera._lens.limit
    t = limit * np.linspace(0, 0.98, 500)
    azimuth = np.linspace(0, 40, 500)
    x, y, z = (np.sin(t), np.sin(t), np.cos(t)) if camera.model == "fisheye" else (t, t, np.ones(500))
    points = np.stack([x * np.cos(azimuth), y * np.sin(azimuth), z], -1)
    directions = camera.unproject(camera.project(points))
    np.testing.assert_allclose(directions, points / np.linalg.norm(points, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("model, distortion", [("pinhole", ()), ("fisheye", (-0.02, 0.01, 0, 0))])
def test_rays_are_in_mujocos_camera_frame(model: str, distortion: tuple[float, ...]):
    camera = Camera(41, 31, 20, 20, 20, 15, distortion, model)
    rays = camera.rays()
    assert rays.shape == (1, 31, 41, 3)
    np.testing.assert_allclose(rays[0, 15, 20], [0, 0, -1], atol=1e-12)
    assert (rays[0, 0, :, 1] > 0).all() and (rays[0, -1, :, 1] < 0).all()  # the top row looks up
    assert (rays[0, :, 0, 0] < 0).all() and (rays[0, :, -1, 0] > 0).all()
    np.testing.assert_allclose(rays[0, 4, 7] * (1, -1, -1), camera.unproject(np.array([7.0, 4.0])))


def test_samples_of_a_pixel_are_a_centred_grid():
    camera = Camera.from_fov(12, 8, 1.0)
    rays = camera.rays(3)
    assert rays.shape == (9, 8, 12, 3)
    pixels = camera.project(rays * (1, -1, -1))
    v, u = np.mgrid[:8, :12]
    np.testing.assert_allclose(pixels.mean(0), np.stack([u, v], -1), atol=1e-9)
    np.testing.assert_allclose(pixels[0, 2, 5], [5 - 1 / 3, 2 - 1 / 3], atol=1e-9)
    np.testing.assert_allclose(pixels[4], camera.project(camera.rays()[0] * (1, -1, -1)), atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(cameras(), st.data())
def test_a_crop_sees_the_same_in_shifted_pixels(camera: Camera, data: st.DataObject):
    left, top = data.draw(st.integers(0, camera.width - 1)), data.draw(st.integers(0, camera.height - 1))
    part = camera.crop(left, top, camera.width - left, camera.height - top)
    pixels = pixel_grid(part, 5)
    np.testing.assert_allclose(part.unproject(pixels), camera.unproject(pixels + np.array([left, top])), atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(cameras(), st.integers(1, 400), st.integers(1, 400))
def test_a_resized_camera_sees_the_same_between_the_borders_of_the_image(camera: Camera, width: int, height: int):
    small = camera.resize(width, height)
    np.testing.assert_allclose(
        small.unproject(pixel_grid(small, 5)), camera.unproject(pixel_grid(camera, 5)), atol=1e-6
    )


def test_resize_follows_opencvs_area_interpolation():
    camera = Camera.from_fov(16, 12, 1.2)
    blob = np.zeros((12, 16), np.float32)
    blob[4:8, 8:12] = 1
    small = cv2.resize(blob, (8, 6), interpolation=cv2.INTER_AREA)
    v, u = np.argwhere(small > 0).mean(0)
    seen = camera.unproject(np.array([9.5, 5.5]))
    np.testing.assert_allclose(camera.resize(8, 6).project(seen), [u, v], atol=1e-9)


def test_field_of_view_is_that_of_the_outer_pixel_borders():
    camera = Camera.from_fov(80, 60, math.radians(70))
    top, bottom = camera.unproject(np.array([[39.5, -0.5], [39.5, 59.5]]))
    assert math.acos(top @ bottom) == pytest.approx(math.radians(70))


@given(cameras())
def test_a_calibration_survives_json(camera: Camera):
    assert Camera.from_dict(json.loads(json.dumps(camera.to_dict()))) == camera


GOOD = Camera(64, 48, 50, 50, 31.5, 23.5, (0.1, 0, 0, 0), "fisheye").to_dict()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"width": 0}, "camera: width is 0, it must be a positive whole number"),
        ({"height": 4.5}, "height is 4.5"),
        ({"fx": -1.0}, "fx is -1.0, it must be positive"),
        ({"fy": math.nan}, "fy is nan"),
        ({"cx": "middle"}, "cx is 'middle'"),
        ({"model": "omni"}, "it must be one of pinhole, brown-conrady, fisheye"),
        ({"distortion": [0.1, 0.2]}, "it must be 4 coefficients for fisheye"),
        ({"distortion": [0.1] * 6, "model": "brown-conrady"}, "4 or 5 or 8 coefficients for brown-conrady"),
        ({"distortion": [0.1] * 4, "model": "pinhole"}, "0 coefficients for pinhole"),
        ({"distortion": [0, 0, 0, math.inf]}, "a list of finite numbers"),
        ({"distortion": 0.1}, "a list of finite numbers"),
        ({"fov": 90}, "unknown key 'fov'; a calibration has width, height, fx"),
    ],
)
def test_a_bad_calibration_gets_one_line(change: dict, message: str):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        Camera.from_dict({**GOOD, **change})
    assert "\n" not in str(caught.value)


def test_other_bad_input_gets_one_line():
    camera = Camera.from_dict(GOOD)
    with pytest.raises(ValueError, match="key 'fx' is missing"):
        Camera.from_dict({k: v for k, v in GOOD.items() if k != "fx"})
    with pytest.raises(ValueError, match=re.escape("crop 64x48 at (1, 0) does not lie inside the 64x48 image")):
        camera.crop(1, 0, 64, 48)
    with pytest.raises(ValueError, match="width is 0"):
        camera.resize(0, 48)
    with pytest.raises(ValueError, match="fovy"):
        Camera.from_fov(64, 48, 4.0)
    with pytest.raises(ValueError, match="samples"):
        camera.rays(0)
