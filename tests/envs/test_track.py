# pyright: reportAttributeAccessIssue=false
"""The lane world's tracks: closed, smooth, wide enough apart, printed where the task believes them to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs import make_task
from envs.lane_follow.scene import NOMINAL_CAMERA
from envs.lane_follow.track import Track, TrackConfig, _resample, _valid, generate_track
from envs.renderer import POSES, BatchRenderer

ROAD = 0.5  # m
TRACKS = st.integers(0, 2**32).map(generate_track)


@settings(max_examples=30)
@given(TRACKS)
def test_tracks_are_closed_and_sampled_at_equal_distances(track: Track):
    step = np.linalg.norm(np.roll(track.points, -1, 0) - track.points, axis=1)
    np.testing.assert_allclose(step, track.length / 600, rtol=0.02)  # the last one leads back to the first
    assert track.points.shape == (600, 2)


@settings(max_examples=30)
@given(TRACKS)
def test_heading_and_curvature_belong_to_the_line(track: Track):
    step = track.length / 600
    tangent = np.roll(track.points, -1, 0) - np.roll(track.points, 1, 0)
    direction = np.stack([np.cos(track.heading), np.sin(track.heading)], 1)
    np.testing.assert_allclose(direction, tangent / np.linalg.norm(tangent, axis=1, keepdims=True), atol=1e-6)
    assert np.abs(track.curvature).max() <= 1.05 / TrackConfig().radius[0]
    assert np.abs(np.diff(track.heading)).max() < 0.1  # unwrapped
    # Once round, in the direction in which the curvature says it turns.
    assert abs(track.curvature.sum() * step) == pytest.approx(2 * np.pi, abs=1e-6)
    assert np.sign(track.curvature.sum()) == np.sign(track.heading[-1] - track.heading[0])


@settings(max_examples=30)
@given(TRACKS)
def test_no_two_stretches_are_nearer_than_the_road(track: Track):
    """A point beside the road has its own stretch as the nearest one, wherever it is."""
    for side in (-0.6 * ROAD, 0.6 * ROAD):
        beside = track.points[::3] + side * track.normal[::3]
        gap = np.linalg.norm(beside[:, None] - track.points[None], axis=-1).min(1)
        np.testing.assert_allclose(gap, abs(side), atol=0.01)


@pytest.mark.parametrize(("waist", "fine"), [(0.3, False), (0.6, False), (0.7, True), (1.5, True)])
def test_a_narrow_waist_is_refused(waist, fine):
    """A Cassini oval, stretched: its two sides come as near as its waist (m) without bending sharply."""
    angle = np.linspace(0, 2 * np.pi, 2000)
    square = 16 * np.cos(2 * angle) + np.sqrt((16 + waist**2 / 4) ** 2 - 256 * np.sin(2 * angle) ** 2)
    line = np.sqrt(square)[:, None] * np.stack([2 * np.cos(angle), np.sin(angle)], 1)
    assert np.abs(_resample(line, 600).curvature).max() < 1 / TrackConfig().radius[0]
    assert _valid(_resample(line, 600), TrackConfig()) == fine


def test_a_seed_is_a_track_and_both_directions_occur():
    tracks = [generate_track(seed) for seed in range(20)]
    np.testing.assert_array_equal(tracks[3].points, generate_track(3).points)
    assert len({track.length for track in tracks}) == 20
    left = sum(track.curvature.sum() > 0 for track in tracks)
    assert 4 <= left <= 16


def test_a_config_that_leaves_no_track_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"no valid track for seed 1 .* widen `extent` or lower `radius`") as error:
        generate_track(1, TrackConfig(radius=(5.0, 6.0)))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_layouts_of_the_test_split_are_not_those_trained_on():
    train, test = (make_task("LaneFollow", split).tracks for split in ("train", "test"))
    assert len(train) == 48 and len(test) == 100
    every = np.stack([track.points for track in (*train, *test)])
    gap = np.abs(every[:, None, ::60] - every[None, :, ::60]).max((2, 3)) + 9 * np.eye(len(every))
    assert gap.min() > 0.1  # and none twice in either


def test_the_road_is_printed_where_the_task_believes_it(lane, cars):
    """Places on the road and beside it, projected by the camera, fall on road and not on road in the picture."""
    n = 8
    cars = cars(lane, n, seed=3)
    lens = NOMINAL_CAMERA.view.lens.resize(320, 192)
    renderer = BatchRenderer(lane.model, n, lens, "front", per_world=lane.spec.scene_fields, segmentation=True)
    for field in lane.spec.scene_fields:
        renderer.set_field(field, np.arange(n), cars.batch.expand(field))
    poses = {name: cars.batch.bind(name) for name in POSES}
    cars.batch.forward()
    seen = renderer.render(poses).segmentation
    assert seen is not None and len(set(lane.layout)) > 1
    road = [lane.model.geom(name).id for name in ("road", "dashes")]
    front, checked = lane.model.camera("front").id, 0
    for world in range(n):
        track = lane.tracks[lane.layout[world]]
        start = np.linalg.norm(track.points - cars.qpos[world, :2], axis=1).argmin()
        ahead = (start + (np.arange(0.3, 1.2, 0.05) * 600 / track.length).astype(int)) % 600
        for side, on_road in ((-0.15, True), (0.0, True), (0.15, True), (-0.31, False), (0.31, False)):
            place = np.pad(track.points[ahead] + side * track.normal[ahead], ((0, 0), (0, 1)))
            camera_from_world = np.diag([1.0, -1, -1]) @ poses["cam_xmat"][world, front].reshape(3, 3).T
            pixel = lens.project((place - poses["cam_xpos"][world, front]) @ camera_from_world.T)
            u, v = pixel[((pixel > 0) & (pixel < [319, 191])).all(1)].round().astype(int).T
            assert (np.isin(seen[world, v, u], road) == on_road).all(), (world, side)
            checked += len(u)
    assert checked > 300
