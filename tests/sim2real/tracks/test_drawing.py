"""Frames drawn on a rebuilt track whose truth is known: light, places, shifts, what borders give away."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.policy import Policy, PolicyConfig
from policies.preprocessing import Preprocessing
from printed_track import NOMINAL, PrintedTrack
from sim2real.datasets.images import encode
from sim2real.errors import InputError
from sim2real.tracks.centre_line import line_through
from sim2real.tracks.drawing.appearance import sharpened
from sim2real.tracks.drawing.leak import leak
from sim2real.tracks.drawing.map_view import MapView
from sim2real.tracks.drawing.nearby import Warp
from sim2real.tracks.drawing.rendering import MapRenderer, NearestRenderer
from sim2real.tracks.drawing.validity import HEADER, UNTOUCHED, Validity, crop_correlation, held_out_frames, validity
from sim2real.tracks.ground import GroundView
from sim2real.tracks.mosaic import Mosaic, MosaicMaker
from sim2real.tracks.poses import compose, relative
from sim2real.tracks.rebuilt import Keyframes, RebuiltTrack

TRACK = PrintedTrack()
GAINS = np.array([[1.1, 1.0, 0.9], [0.9, 1.0, 1.1]])  # exposures of the recording, by turns
GROUND = np.s_[:, 50:, 15:-15]  # of frames: near ground


def camera_frame(frame: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """What the recording's camera makes of the true frame: darker to the left, exposure, noise of 2 grey levels."""
    light = np.linspace(0.85, 1.05, 160)[None, :, None] * GAINS[k % 2]
    return np.clip(frame * light + random.normal(0, 2, (120, 160, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def track() -> RebuiltTrack:
    """A track with a perfect map, keyframes of two laps, and a third lap held out."""
    random = np.random.default_rng(0)
    count = len(TRACK.line) // 8
    laps = [TRACK.poses(0, count, aside=aside) for aside in (0.04, -0.06, 0.0)]
    poses = np.concatenate([*laps[:2], laps[2][::3]])
    held = np.arange(len(poses)) >= 2 * count
    truth = [TRACK.frame(pose) for pose in poses]
    images = [camera_frame(frame, k, random) for k, frame in enumerate(truth)]
    view = GroundView(NOMINAL)
    maker = MosaicMaker(view, poses)
    for k in np.flatnonzero(~held):
        maker.add(truth[k], poses[k])
    frames = Keyframes(np.arange(len(poses)) // 20, np.arange(len(poses)), held, poses, [encode(i) for i in images])
    line = line_through(TRACK.line[::2], True, 0.5, 4.0)
    result = RebuiltTrack(Path("oval"), NOMINAL, maker.mosaic(), line, 20.0, {}, {"mean": 0.0, "std": 0.05})
    result.__dict__["keyframes"] = frames  # which it would read from its folder
    return result


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(PolicyConfig()).eval()


@pytest.fixture(scope="module")
def renderers(track: RebuiltTrack) -> dict[str, MapRenderer]:
    drawn = MapRenderer(track)
    return {"map": drawn, "nearest": NearestRenderer(track, drawn)}


@pytest.fixture(params=["map", "nearest"])
def renderer(request: pytest.FixtureRequest, renderers: dict[str, MapRenderer]) -> MapRenderer:
    return renderers[request.param]


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return crop_correlation(a[GROUND], b[GROUND])


@pytest.mark.parametrize("shift", [(0, 0, 0), (0, 0.15, 0), (0, -0.1, 0.2), (0, 0, -0.25)])
def test_a_frame_shows_what_is_there(renderer: MapRenderer, track: RebuiltTrack, shift: tuple[float, float, float]):
    poses = compose(track.keyframes.poses[track.keyframes.held_out][::9], np.array(shift))
    drawn, truth = renderer.frames(poses), np.stack([TRACK.frame(pose) for pose in poses])
    assert drawn.shape == truth.shape and drawn.dtype == np.uint8
    assert correlation(drawn, truth).min() > 0.85
    elsewhere = np.stack([TRACK.frame(pose) for pose in compose(poses, np.array([0, 0.1, 0.1]))])
    assert (correlation(drawn, truth) > correlation(drawn, elsewhere)).all()
    # Above the horizon nothing but grey is to be seen, in the light that the camera has there.
    assert np.abs(drawn[:, :25].mean((1, 2, 3)) - 113).max() < 12


def test_light_and_noise_are_those_of_the_recording(track: RebuiltTrack, renderers: dict[str, MapRenderer]):
    renderer = renderers["map"]
    fit = renderer.appearance
    shading = fit.shading[80, 20:140:20, 0]
    truth = np.linspace(0.85, 1.05, 160)[20:140:20]
    np.testing.assert_allclose(shading / shading.mean(), truth / truth.mean(), atol=0.02)
    for found in fit.gains / fit.gains.mean(0):
        assert np.abs(found - GAINS).max(1).min() < 0.04
    assert 1.0 < fit.noise < 2.2  # of the mean of three channels 1.2, and what is left of the map's edges
    poses = track.keyframes.poses[:2]
    once, again = (renderer.frames(poses, np.array([[5, 0], [5, 1]])) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(once[1:], renderer.frames(poses[1:], np.array([[5, 1]])))  # whatever the batch
    other = renderer.frames(poses, np.array([[5, 7], [5, 1]]))
    assert (other[0] != once[0]).mean() > 0.3 and (other[1] == once[1]).all()
    looks = renderer.frames(poses[[0] * 8], np.stack([np.arange(8), np.zeros(8, int)], 1)).mean((1, 2))
    assert np.ptp(looks[:, 0] / looks[:, 2]) > 0.2  # red to blue is 1.2 or 0.8


def test_keyframes_with_a_wrong_pose_are_passed_over(track: RebuiltTrack):
    frames = track.keyframes
    poses = frames.poses.copy()
    wrong = np.flatnonzero(~frames.held_out)[40]
    poses[wrong] = poses[140]
    lost = replace(track)
    lost.__dict__["keyframes"] = replace(frames, poses=poses)
    nearby = MapRenderer(lost).nearby
    assert not nearby.agrees(40) and nearby.agrees(41)
    assert nearby.nearest(poses[[140]])[0] != 40


def test_held_out_frames_are_never_drawn_from(track: RebuiltTrack, renderers: dict[str, MapRenderer]):
    frames, nearby = track.keyframes, renderers["map"].nearby
    assert not frames.held_out[nearby.keys].any()
    found = nearby.nearest(frames.poses[frames.held_out])
    apart = relative(nearby.poses[found], frames.poses[frames.held_out])
    assert (np.abs(apart[:, 1]) < 0.15).all() and (np.abs(apart[:, 2]) < 0.2).all()


def test_a_keyframe_seen_from_its_own_pose_is_itself():
    image = TRACK.frame(TRACK.poses(100, 2)[0])
    pose = np.array([1.0, 2.0, 0.5])
    seen, inside = Warp(NOMINAL)(image, pose, pose, 120)
    assert np.abs(seen.astype(int) - image)[8:-8, 8:-8].mean() < 1
    assert (inside[10:-10, 10:-10] == 1).all()
    turned, _ = Warp(NOMINAL)(image, pose, pose + np.array([0, 0, 0.2]), 40)  # to the left: things move right
    columns = np.arange(30, 130)
    left = np.abs(turned[33:38, columns].astype(int) - image[33:38, columns - 18]).mean()
    right = np.abs(turned[33:38, columns].astype(int) - image[33:38, columns + 18]).mean()
    assert left < right


def test_a_rolled_camera_sees_what_it_would_see():
    rolled = replace(NOMINAL, roll=0.08)
    poses = TRACK.poses(100, 2)
    pose, other = poses[0], compose(poses[0], np.array([0.1, 0.05, 0.1]))
    image, truth = TRACK.frame(pose, rolled), TRACK.frame(other, rolled)
    seen, inside = Warp(rolled)(image, pose, other, 120)
    clear = inside[..., 0] == 1
    clear[:50] = False
    level, _ = Warp(NOMINAL)(image, pose, other, 120)
    near, far = (np.abs(each.astype(int) - truth)[clear].mean() for each in (seen, level))
    assert near < 6 < far
    printed = Mosaic(TRACK.picture, np.ones(TRACK.picture.shape[:2]), np.zeros(2), 0.005)
    colours, known = MapView(printed, rolled).colours(pose)
    known[:50] = False
    assert np.abs(colours - image)[known].mean() < 6


@settings(max_examples=12)
@given(st.floats(-3, 3), st.floats(0, 0.01), st.floats(0, 0.01))
def test_a_maps_frames_have_no_dark_edges(yaw: float, x: float, y: float):
    poses = np.array([[x, y, yaw], [x + 0.31, y, yaw + 0.4]])
    maker = MosaicMaker(GroundView(NOMINAL), poses)
    for pose in poses:
        maker.add(np.full((120, 160, 3), 150, np.uint8), pose)
    found = maker.mosaic()
    assert found.known.sum() > 5000 and np.ptp(found.colours[found.known]) <= 1


def test_far_pixels_average_the_cells_that_they_cover():
    """A chessboard of 2 cm is grey far off, and not a moiré."""
    index = np.indices((800, 800)).sum(0) // 2 % 2
    board = Mosaic(
        (index[..., None] * np.full(3, 200)).astype(np.uint8), np.ones((800, 800)), np.array([-4.0, -4.0]), 0.01
    )
    colours, known = MapView(board, NOMINAL).colours(np.zeros(3))
    far, near = colours[40:44, 40:120, 0], colours[110:, 40:120, 0]
    assert known[40:44, 40:120].all()
    assert far.std() < 15 < 50 < near.std()
    assert far.mean() == pytest.approx(100, abs=5)


def test_sharpening_adds_contrast_and_leaves_the_unknown():
    colours = np.full((60, 60, 3), 50, np.uint8)
    colours[:, 30:] = 150
    coverage = np.ones((60, 60))
    coverage[:20], colours[:20] = 0, 0
    edge = sharpened(Mosaic(colours, coverage, np.zeros(2), 0.01), 1.0).colours.astype(int)
    assert edge[40, 30, 0] > 170 and edge[40, 29, 0] < 30  # an edge overshoots
    assert (edge[20:, [5, 55]] == [[50] * 3, [150] * 3]).all()  # and the border of what is known is none


def compared(track: RebuiltTrack, policy: Policy, renderers: dict[str, MapRenderer]) -> Validity:
    return validity(held_out_frames(track, renderers), policy)


def test_validity_tells_a_true_drawing_from_a_false_one(
    track: RebuiltTrack, policy: Policy, renderers: dict[str, MapRenderer]
):
    found = compared(track, policy, renderers)
    everything, untouched = (found.figures[name]["all"] for name in ("map", UNTOUCHED))
    assert everything.crop.value > 0.9 > untouched.crop.value
    assert everything.crop.low is not None and everything.crop.low < everything.crop.value
    assert everything.mae.value < untouched.mae.value
    assert set(found.figures) == {"map", "nearest", UNTOUCHED}
    assert sum(n for name, n in found.parts.items() if "off" in name) <= found.parts["all"]
    assert all(len(row) == len(HEADER) + 3 for row in found.rows("crop")) and "held-out" in found.units
    assert found.metrics()["all"]["map"]["crop"]["value"] == everything.crop.value

    class Shifted(MapRenderer):
        def frames(self, poses: np.ndarray, seeds: np.ndarray | None = None) -> np.ndarray:
            return super().frames(compose(poses, np.array([0, 0.1, 0.1])), seeds)

    shifted = compared(track, policy, {"map": Shifted(track, renderers["map"])})
    assert shifted.figures["map"]["all"].crop.value < 0.8
    frames = track.keyframes
    none = replace(track)
    none.__dict__["keyframes"] = replace(frames, held_out=np.zeros(len(frames.poses), bool))
    with pytest.raises(InputError, match="--hold-out"):
        held_out_frames(none, renderers)


@pytest.mark.slow
def test_borders_do_not_give_the_shift_away(renderer: MapRenderer):
    found = leak(renderer, Preprocessing(), count=200)
    for name in ("offset", "yaw"):
        low = found.excess[name].low
        assert low is not None and low < 0.05, found
    assert found.metrics()["yaw"]["used"] == found.used["yaw"]


def test_a_border_that_gives_the_shift_away_is_found(track: RebuiltTrack, renderers: dict[str, MapRenderer]):
    class Telling(MapRenderer):
        def frames_from(self, poses: np.ndarray, keys: np.ndarray, seeds: np.ndarray | None = None) -> np.ndarray:
            frames = super().frames_from(poses, keys, seeds)
            yaw = relative(self.nearby.poses[keys], poses)[:, 2]
            frames[:, -4:] = np.clip(128 + 400 * yaw, 0, 255).astype(np.uint8)[:, None, None, None]
            return frames

    found = leak(Telling(track, renderers["map"]), Preprocessing(), count=200)
    low = found.excess["yaw"].low
    assert low is not None and low > 0.3
    assert abs(found.excess["offset"].value) < 0.3
