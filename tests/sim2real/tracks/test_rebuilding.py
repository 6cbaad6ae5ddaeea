"""Rebuilding of tracks whose truth is known: registration, the pose graph, the centre line, the car's answer."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from envs import BatchEnv, make_task
from envs.batch_env import resolve_randomization
from envs.randomization import Randomization
from printed_track import CURVATURE_PER_STEERING, DELAY, NOMINAL, ROAD, PrintedTrack, commands_of
from sim2real.statistics.agreement import Estimate
from sim2real.tracks.centre_line import centre_line, one_lap
from sim2real.tracks.ground import GroundView
from sim2real.tracks.mosaic import MosaicMaker
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.poses import applied, chained, compose, inverse, relative, wrapped
from sim2real.tracks.rebuilding.domain import measured_randomization
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.length import certain, length_scale
from sim2real.tracks.rebuilding.odometry import follow, joined
from sim2real.tracks.rebuilding.placed import Meeting
from sim2real.tracks.rebuilding.pose_graph import Edges, optimized
from sim2real.tracks.rebuilding.registration import TILT, Views, register
from sim2real.tracks.rebuilding.seed import turn_scale
from sim2real.tracks.rebuilding.vehicle import response, vehicle

POSES = arrays.arrays(float, (3,), elements=st.floats(-3, 3))
TRACK, VIEWS = PrintedTrack(), Views(GroundView(NOMINAL))


@given(POSES, POSES, arrays.arrays(float, (4, 2), elements=st.floats(-5, 5)))
def test_poses_compose_as_the_motions_of_points_do(a: np.ndarray, b: np.ndarray, points: np.ndarray):
    np.testing.assert_allclose(applied(compose(a, b), points), applied(a, applied(b, points)), atol=1e-9)
    np.testing.assert_allclose(applied(inverse(a), applied(a, points)), points, atol=1e-9)
    between = relative(a, b)
    np.testing.assert_allclose(compose(a, between)[:2], b[:2], atol=1e-9)
    assert wrapped(a[2] + between[2] - b[2]) == pytest.approx(0, abs=1e-9) and -np.pi <= between[2] < np.pi


@pytest.mark.parametrize("k", range(4))
def test_a_view_is_registered_where_the_car_was(k: int):
    poses = TRACK.poses(150 * k, 3)
    first, second = (VIEWS.raster(TRACK.frame(pose)) for pose in poses[[0, 2]])
    truth = relative(poses[0], poses[2])
    found = register(VIEWS.template(second), first, truth + np.array([0.04, -0.02, 0.05]))
    assert found.correlation > 0.95
    np.testing.assert_allclose(found.pose, truth, atol=0.004)


@pytest.mark.parametrize("tilt", [(-0.02, 0.0), (0.02, 0.0), (0.0, 0.03), (0.01, -0.02)])
def test_a_camera_that_tilts_is_registered_where_the_car_was(tilt: tuple[float, float]):
    poses = TRACK.poses(0, 3)
    tilted = replace(NOMINAL, pitch=NOMINAL.pitch + tilt[0], roll=NOMINAL.roll + tilt[1])
    first, second = VIEWS.raster(TRACK.frame(poses[0])), VIEWS.raster(TRACK.frame(poses[2], tilted))
    truth = relative(poses[0], poses[2])
    found = register(VIEWS.template(second), first, truth + np.array([0.03, -0.02, 0.04]), tilts=TILT)
    assert found.tilt == pytest.approx(tilt, abs=0.005)
    np.testing.assert_allclose(found.pose, truth, atol=0.006)


@pytest.mark.parametrize(("noise", "quality", "within"), [(0, 100, 0.015), (5, 50, 0.035)])
def test_a_drive_keeps_its_size_though_lines_fade_and_blocks_stay(noise: int, quality: int, within: float):
    track, random = PrintedTrack(patches=0, mat=(40, 40, 90)), np.random.default_rng(0)  # hardly more than lines
    poses = track.poses(0, 60, 0.055)
    steps, frames = relative(poses[:-1], poses[1:]), []
    for pose in poses:
        frame = track.frame(pose, finer=4, blur=1.0)
        frame = np.clip(frame + random.normal(0, noise, frame.shape), 0, 255).astype(np.uint8)
        packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        frames.append(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    found = follow(np.array(frames), VIEWS).steps.sum(0) / steps.sum(0)
    assert found[0] == pytest.approx(1, abs=within)
    assert found[2] == pytest.approx(1, abs=1.5 * within)


def test_a_drive_in_two_pieces_is_joined():
    frames = np.array([TRACK.frame(pose) for pose in TRACK.poses(0, 24)])
    whole = follow(frames, VIEWS)
    both = joined(follow(frames[:11], VIEWS), follow(frames[11:], VIEWS), VIEWS)
    assert len(both) == len(whole) == 24
    assert both.rows[-1] == whole.rows[-1] or abs(int(both.rows[-1]) - int(whole.rows[-1])) <= 1
    np.testing.assert_allclose(both.every[-1], whole.every[-1], atol=0.01)
    np.testing.assert_array_equal(both.images[np.searchsorted(both.rows, 11)], frames[11])


@pytest.mark.parametrize(("lost", "within"), [(1, 0.03), (2, 0.02), (5, 0.06)])
def test_a_car_drives_on_while_its_camera_or_recorder_stands_still(lost: int, within: float):
    track = PrintedTrack(patches=0, mat=(40, 40, 90))
    poses, gap = track.poses(0, 24, 0.09), np.arange(12, 12 + lost)
    frames = np.array([track.frame(pose, finer=4, blur=1.0) for pose in poses])
    repeats, kept = np.arange(24), np.delete(np.arange(24), gap)
    repeats[gap] = 11
    for shown, periods in ((repeats, None), (kept, np.diff(kept).astype(float))):
        drive = follow(frames[shown], VIEWS, periods)
        np.testing.assert_allclose(drive.every, relative(poses[0], poses[shown]), atol=within)


@pytest.mark.parametrize("beside", [(0.0, 0.15, 0.0), (0.0, -0.14, 0.5), (0.0, 0.2, -0.3)])
def test_a_car_does_not_slip_aside(beside: tuple[float, float, float]):
    poses = TRACK.poses(0, 24)
    seen = poses.copy()
    seen[12] = compose(poses[12], np.array(beside))  # as a wall in a tight corner makes it seem
    drive = follow(np.array([TRACK.frame(pose) for pose in seen]), VIEWS)
    assert (drive.correlation[11:13] < 0.8).all()
    np.testing.assert_allclose(relative(drive.every[10], drive.every[14]), relative(poses[10], poses[14]), atol=0.06)


@settings(max_examples=20)
@given(st.floats(0.85, 1.25), st.integers(0, 2**32))
def test_turns_are_scaled_so_that_laps_are_whole(scale: float, seed: int):
    random = np.random.default_rng(seed)
    steps = np.full((119, 3), [0.1, 0.0, 2 * np.pi / 50 / scale]) + random.normal(0, [0.002, 0.002, 0.004], (119, 3))
    drive = Drive(steps, np.ones(119), np.arange(120), np.zeros((120, 1)), [], np.zeros(120))
    laps = [Meeting(k + 50, 0, k, random.normal(0, 0.05, 3)) for k in range(0, 70, 3)]
    wrong = [Meeting(k + 40, 0, k, np.zeros(3)) for k in range(0, 30, 9)]
    assert turn_scale([(drive, [*laps, *wrong])]) == pytest.approx(scale, abs=0.03)
    assert turn_scale([(drive, laps[:3])]) is None  # too few to say


@pytest.fixture(scope="module")
def seen() -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames and true steps of two drives whose every frame is a keyframe."""
    ways = [TRACK.poses(first, 40, 0.105) for first in (0, 500)]
    return [
        (np.array([TRACK.frame(pose, finer=3, blur=1.0) for pose in way]), relative(way[:-1], way[1:])) for way in ways
    ]


def _short(seen: list[tuple[np.ndarray, np.ndarray]], scale: float, correlation: float = 1.0) -> dict[int, Drive]:
    """Return drives that are too short by a scale."""
    drives = {}
    for k, (images, steps) in enumerate(seen):
        templates = [VIEWS.template(VIEWS.raster(image)) for image in images] if correlation > 0.8 else []
        rest = np.full(len(steps), correlation), np.arange(len(images)), images, templates, np.zeros(len(images))
        drives[k] = Drive(steps * (1 / scale, 1 / scale, 1), *rest)
    return drives


def test_lengths_are_scaled_as_keyframes_some_way_apart_show_them(seen: list[tuple[np.ndarray, np.ndarray]]):
    scale = 1.03
    drives = _short(seen, scale)
    found = length_scale(drives, NOMINAL)
    assert found.value == pytest.approx(scale, abs=0.006)
    assert found.low is not None and found.high is not None and found.low <= found.value <= found.high
    path = drives[0].lengthened(certain(found)).path
    true = chained(seen[0][1])
    assert np.linalg.norm(path[-1, :2]) == pytest.approx(np.linalg.norm(true[-1, :2]), rel=0.006)
    np.testing.assert_allclose(path[:, 2], true[:, 2])


@pytest.mark.parametrize(
    ("low", "high", "used"), [(1.01, 1.03, 1.02), (0.97, 0.99, 1.02), (0.99, 1.03, 1.0), (None, None, 1.0)]
)
def test_a_doubtful_scale_is_not_used(low: float | None, high: float | None, used: float):
    assert certain(Estimate(1.02, low, high)) == used
    assert certain(Estimate(1.06, 1.05, 1.07)) == 1  # another lens


def test_lengths_that_nothing_shows_stay(seen: list[tuple[np.ndarray, np.ndarray]]):
    lost = _short(seen, 1.03, correlation=0.5)  # no two keyframes between which nothing failed
    assert length_scale(lost, NOMINAL) == Estimate(1.0, None, None)
    assert length_scale({0: _short(seen[:1], 1.03)[0]}, NOMINAL) == Estimate(1.0, None, None)  # one drive, few pairs


def test_a_view_of_nothing_known_is_not_found():
    first, second = (VIEWS.raster(TRACK.frame(TRACK.poses(k, 2)[0])) for k in (0, 0))
    far = register(VIEWS.template(second), first, np.array([5.0, 0, 0]))
    assert far.correlation == 0


def test_the_map_shows_the_mat():
    poses = TRACK.poses(0, 90)
    maker = MosaicMaker(VIEWS.view, poses)
    for pose in poses:
        maker.add(TRACK.frame(pose), pose)
    mosaic = maker.mosaic()
    cells = np.argwhere(mosaic.coverage > 1)[::50]
    at = mosaic.origin + cells * mosaic.cell
    truth = TRACK.picture[tuple(np.clip(np.round(at / 0.005).astype(int), 0, np.array(TRACK.picture.shape[:2]) - 1).T)]
    assert len(cells) > 300
    assert np.median(np.abs(mosaic.colours[tuple(cells.T)].astype(int) - truth)) < 8
    line = centre_line(mosaic, poses[:85], closed=False)
    assert line.width == pytest.approx(ROAD, abs=0.03)
    nearest = np.sqrt(np.square(line.points[60:-60, None] - TRACK.line).sum(-1)).min(1)
    assert np.median(nearest) < 0.01 and np.quantile(nearest, 0.9) < 0.03


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_a_closed_lap_settles_against_drift_and_false_closures(seed: int):
    random = np.random.default_rng(seed)
    turn = np.full((60, 3), [0.1, 0.0, 2 * np.pi / 50])  # 1.2 laps
    truth = chained(turn)
    noisy = turn + random.normal(0, [0.004, 0.004, 0.01], turn.shape)
    closures = [(k, k + 50) for k in range(10)]
    wrong = [(5, 30), (12, 47)]
    motion = np.array([*noisy, *(relative(truth[a], truth[b]) for a, b in closures), *np.zeros((2, 3))])
    pairs = np.array([*((k, k + 1) for k in range(60)), *closures, *wrong])
    sigma = np.array([[0.004, 0.004, 0.01]] * 60 + [[0.005, 0.005, 0.005]] * 12)
    poses = optimized(chained(noisy), Edges(pairs[:, 0], pairs[:, 1], motion, sigma))
    off = np.abs(relative(truth, poses))
    before = np.abs(relative(truth, chained(noisy)))
    assert off[:, :2].max() < 0.12
    assert np.hypot(*off[50:, :2].T).mean() < max(np.hypot(*before[50:, :2].T).mean(), 0.02)


def test_the_cars_answer_is_measured():
    poses = TRACK.poses(0, 400)
    steps = relative(poses[:-1], poses[1:])
    steps += np.random.default_rng(0).normal(0, [0.001, 0.001, 0.003], steps.shape)
    actions = commands_of(poses)
    parts = [slice(k, k + 50) for k in range(0, 350, 50)]
    responses = [response(actions[p], steps[p.start : p.stop - 1], np.ones(49), 20.0) for p in parts]
    car = vehicle(responses, 20.0)
    slope, delay, throttle = (car[name] for name in ("curvature_per_steering", "delay", "speed_per_throttle"))
    assert slope is not None and delay is not None and throttle is not None
    assert delay.value == pytest.approx(DELAY / 20, abs=0.02)
    assert slope.value == pytest.approx(CURVATURE_PER_STEERING, rel=0.1)
    assert slope.low is not None and slope.high is not None and slope.low < slope.value < slope.high
    assert throttle.value == pytest.approx(np.hypot(*steps[:, :2].T).mean() * 20 / 0.5, rel=0.05)
    alone = vehicle(responses[:1] * 1, 20.0)["speed_per_throttle"]
    assert alone is not None and alone.low is None
    straight = response(0 * actions, steps, np.ones(399), 20.0)
    assert vehicle([straight] * 6, 20.0)["delay"] is None


@pytest.mark.parametrize("laps", [2, 6, 8, 12])
def test_one_lap_is_found_among_many(laps: int):
    random = np.random.default_rng(laps)
    turned = np.arange(100 * laps) * 2 * np.pi / 100
    path = np.column_stack([2 * np.sin(turned), 2 - 2 * np.cos(turned), turned])
    met = [(k, k - 100 * int(random.integers(1, k // 100 + 1))) for k in range(100, 100 * laps, 3)]
    lap, closed = one_lap(path, met)
    assert closed and len(lap) == 100
    overlapping, _ = one_lap(path, [(first, second - 3) for first, second in met])  # 38 cm
    assert len(overlapping) == 100
    assert not one_lap(path, [])[1]


def test_few_drives_do_not_say_that_a_car_steers_either_way():
    poses = TRACK.poses(0, 200)
    steps = relative(poses[:-1], poses[1:])
    halves = [
        response(share * commands_of(poses)[p], steps[p.start : p.stop - 1], np.ones(99), 20.0)
        for share, p in ((0.3, slice(0, 100)), (3.0, slice(100, 200)))
    ]
    slope = vehicle(halves, 20.0)["curvature_per_steering"]
    assert slope is not None and slope.high is not None and slope.value < slope.high < 0


def test_the_measured_car_is_trained_with(tmp_path: Path):
    spec = make_task("LaneFollow", "train").spec
    known: dict[str, Estimate | None] = {
        "curvature_per_steering": Estimate(-2.5, -2.6, -2.4),
        "curvature_offset": Estimate(-0.14, None, None),
    }
    varied = measured_randomization(
        resolve_randomization(spec, "default"),
        {**known, "delay": Estimate(0.25, 0.24, 0.26), "speed_per_throttle": None},
    )
    (tmp_path / "car.toml").write_text(varied.to_toml("a comment"))
    read = Randomization.load(tmp_path / "car.toml")
    assert read.varied == varied.varied
    ranges = {vary.field: vary.range for vary in read.varied}
    assert ranges["task.steer_max"][0] < np.arctan(0.26 * 2.5) < ranges["task.steer_max"][1]
    assert ranges["task.steer_trim"] == pytest.approx((0.0264, 0.0464), abs=1e-3)  # it pulls to the right
    assert ranges["actuator_delay"] == pytest.approx((0.07, 0.13))
    assert "task.top_speed" in ranges
    BatchEnv(make_task("LaneFollow", "train"), 1, randomization=read, observations=("privileged",)).close()


def test_parallel_work_keeps_its_order_and_raises_its_errors():
    done: list[float] = []
    assert in_parallel(lambda k: k * k, [3, 1, 2], lambda n, total, figures=None: done.append(n / total)) == [9, 1, 4]
    assert done[-1] == 1
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda k: 1 / k, [1, 0, 2])
