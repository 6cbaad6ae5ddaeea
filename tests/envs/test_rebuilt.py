"""LaneFollow on a rebuilt track: what its camera sees, where its car is, and which tracks it refuses."""
# pyright: reportAttributeAccessIssue=false

import json
import shutil
from pathlib import Path

import cv2
import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_track import write_drawn_track
from envs import BatchEnv, make_task, pinned
from envs.errors import InputError
from envs.lane_follow.ground import centred, filled, ground_picture
from envs.lane_follow.rebuilt import read_rebuilt
from envs.lane_follow.scene import NOMINAL_CAMERA, CameraMount
from envs.lane_follow.track import closed_track
from printed_track import NOMINAL, ROAD, PrintedTrack
from sim2real.tracks.ground import Mount

pytestmark = pytest.mark.usefixtures("rebuilt_tracks")
OVAL = "LaneFollow:oval"


@pytest.fixture
def copied(rebuilt_tracks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the track that a test may damage."""
    monkeypatch.setenv("SIM2REAL_TRACKS", str(tmp_path))
    return Path(shutil.copytree(rebuilt_tracks / "oval", tmp_path / "oval"))


def edit(folder: Path, **changes: object) -> None:
    about = json.loads((folder / "track.json").read_text())
    (folder / "track.json").write_text(json.dumps({**about, **changes}))


def seen_from(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Full frames (n, 120, 160, 3) of cars at poses of the map, without sensor; which pixels show floor, and road.

    Boxes that stand around are left out.
    """
    task = make_task(OVAL, "rehearsal")
    _, middle = centred(read_rebuilt("oval"))
    env = BatchEnv(task, len(poses), observations=("images.front",), sensor=None, maps=(120, 160))
    env.reset(seed=0)
    qpos = env.batch.bind("qpos")
    qpos[:, :2], qpos[:, 3:7] = poses[:, :2] - middle, 0
    qpos[:, 3], qpos[:, 6] = np.cos(poses[:, 2] / 2), np.sin(poses[:, 2] / 2)
    env.batch.forward()
    assert env.vision is not None
    drawn = env.vision._renderers["front"].render(env.vision._poses)
    env.close()
    floor, road = (np.asarray(drawn.segmentation == task.model.geom(name).id) for name in ("floor", "road"))
    return drawn.rgb, floor, road


def test_the_camera_sees_the_map_as_the_recording_camera_does():
    printed = PrintedTrack()
    poses = np.concatenate([printed.poses(100, 5, 0.9), printed.poses(400, 5, 0.9, back=True, aside=0.1)])
    drawn, floor, road = seen_from(poses)
    for k, pose in enumerate(poses):
        at, down = NOMINAL.ground()
        near = down & (at[..., 0] < 1.2) & (floor[k] | road[k])
        want, have = printed.frame(pose)[near].astype(float), drawn[k][near].astype(float)
        assert near.sum() > 4000
        assert np.abs(have.mean(0) - want.mean(0)).max() < 4  # nominal light leaves the map's colours as they are
        error = np.abs(have - want).mean()
        mirrored = printed.frame(pose)[:, ::-1][near].astype(float)
        assert error < 2 and np.abs(have - mirrored).mean() > 5 * error
        # The mask label is the road, up to the pixels on its edges.
        c, s = np.cos(pose[2]), np.sin(pose[2])
        place = pose[:2] + np.stack([c * at[..., 0] - s * at[..., 1], s * at[..., 0] + c * at[..., 1]], -1)[near]
        aside = np.linalg.norm(place[:, None] - printed.line[None, ::4], axis=-1).min(1)
        clear = np.abs(aside - ROAD / 2) > 0.03
        np.testing.assert_array_equal(road[k][near][clear], (aside < ROAD / 2)[clear])


def test_a_car_is_where_brute_force_finds_it_in_both_directions(cars):
    task = make_task(OVAL)
    assert len(task.tracks) == 2 and abs(task.config.track.road_width - ROAD) < 1e-9
    cars, count = cars(task, 40), task.config.track.points
    for way, track in enumerate(task.tracks):
        for offset, turned in ((0.0, 0.0), (-0.2, 0.5), (0.15, -0.4)):
            cars.place(way, np.arange(40) * count // 40, offset, turned)
            true_offset, _, true_turn = cars.brute_force()
            np.testing.assert_allclose(task.offset, true_offset, atol=0.003)
            np.testing.assert_allclose(task.labels()["offset"], 2 * offset / ROAD, atol=0.02)
            np.testing.assert_allclose(task.labels()["heading"], true_turn, atol=0.03)
        turning = 2 * np.pi * (1 - 2 * way)  # the oval is driven counter-clockwise
        assert abs(track.curvature.mean() * track.length - turning) < 1e-6
    start = task.tracks[0].points[0]
    assert np.abs(task.tracks[1].points[-1] - start).max() < 1e-9


def test_a_teacher_that_knows_the_line_drives_a_lap_of_it():
    task = make_task(OVAL, "test")
    env = BatchEnv(task, 6, observations=("privileged",), once=True)
    env.reset(seed=0)
    success = np.zeros(6, bool)
    for _ in range(600):
        steering = -task.pursuit() / task.parameters["steer_max"][:, 0]
        _, _, terminated, truncated, info = env.step(np.stack([steering, np.full(6, 0.3)], 1).astype(np.float32))
        if (terminated | truncated).any():
            success |= info["final_info"]["success"].astype(bool)
        if (terminated | truncated).all():
            break
    assert success.all()
    assert task.progress.min() > min(task.tracks[0].length, 0.8 * 1.3 * 30)


def test_every_randomization_applies():
    presets = make_task(OVAL).spec.presets
    for name in presets:
        env = BatchEnv(make_task(OVAL), 2, randomization=name, observations=("privileged",))
        env.reset(seed=0)
        env.step(env.action_space.sample() * 0)
        labels = [label for label in env.randomizer.labels if label.startswith("mat_rgba/ground")]
        assert len(labels) == (
            3 if name in ("default", "wide", "rooms", "places", "fixed-camera", "fixed-camera-gray") else 0
        )
        env.close()


def test_a_name_with_another_hash_is_refused(copied: Path):
    name = pinned(OVAL)
    assert name.startswith(f"{OVAL}@") and make_task(name).spec.name == name == pinned(name)
    assert pinned("LaneFollow") == "LaneFollow"
    moved = copied.with_name("other")
    copied.rename(moved)
    assert pinned("LaneFollow:other").partition("@")[2] == name.partition("@")[2]  # of what it is, not of its place
    moved.rename(copied)
    picture = np.array(cv2.imread(str(copied / "map.png")))
    picture[0, 0, 0] ^= 1
    cv2.imwrite(str(copied / "map.png"), picture)
    with pytest.raises(InputError, match=r"has changed \(hash .*train again"):
        make_task(name)
    assert pinned(OVAL) != name


@pytest.mark.parametrize("name", ["nothing", "../oval", "", ".", "oval/", "oval@0123"])
def test_no_such_track(name):
    with pytest.raises(InputError, match=r"no rebuilt track|has changed"):
        make_task(f"LaneFollow:{name}")


def test_a_damaged_track_is_one_line(copied: Path):
    def refused(words: str) -> None:
        with pytest.raises(InputError, match=words) as problem:
            make_task(OVAL)
        assert "\n" not in str(problem.value)

    about = json.loads((copied / "track.json").read_text())
    for changes, words in (
        ({"format_version": 1}, "another format"),
        ({"line": {**about["line"], "closed": False}}, "not closed"),
        ({"line": {"closed": True}}, "damaged"),
        ({"cell": 0}, "damaged"),
        ({"mount": {"x": 0, "height": float("nan"), "pitch": 0}}, "damaged"),
    ):
        edit(copied, **{**about, **changes})
        refused(words)
    edit(copied, **about)
    for name in ("map.png", "coverage.png", "camera.json"):
        whole = (copied / name).read_bytes()
        (copied / name).write_bytes(whole[: len(whole) // 2])
        refused(f"{name}.*|cannot read")
        (copied / name).unlink()
        refused(f"{name}: No such file")
        (copied / name).write_bytes(whole)
    make_task(OVAL)


def test_a_camera_of_another_size_of_the_same_shape_is_scaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIM2REAL_TRACKS", str(tmp_path))
    for name, image in (("large", (320, 240)), ("flat", (160, 100))):
        write_drawn_track(tmp_path / name, image=image)
    lens = make_task("LaneFollow:large").spec.cameras["front"].camera
    want = NOMINAL_CAMERA.view.camera
    np.testing.assert_allclose([lens.fx, lens.fy, lens.cx, lens.cy], [want.fx, want.fy, want.cx, want.cy])
    with pytest.raises(InputError, match="160x100"):
        make_task("LaneFollow:flat")


@given(pitch=st.floats(-0.2, 0.8), roll=st.floats(-0.4, 0.4), seed=st.integers(0, 99))
def test_a_mounted_camera_looks_where_the_recordings_does(pitch, roll, seed):
    """A point of the ground is on the same pixel for the map's maker and for MuJoCo."""
    lens, height = NOMINAL_CAMERA.view.camera, 0.22
    points = np.random.default_rng(seed).uniform([0.3, -0.4], [1.5, 0.4], (20, 2))
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, CameraMount(NOMINAL_CAMERA.view, (0.05, 0.0, height), pitch, roll).quat)
    local = (np.column_stack([points, np.zeros(20)]) - [0.05, 0.0, height]) @ matrix.reshape(3, 3)
    pixels = lens.project(local * [1, -1, -1])
    np.testing.assert_allclose(pixels, Mount(lens, 0.05, height, pitch, roll).pixels(points), atol=1e-6)


@given(share=st.floats(0.02, 0.98), seed=st.integers(0, 99), size=st.tuples(st.integers(2, 60), st.integers(2, 60)))
def test_what_is_unknown_continues_what_is_known(share, seed, size):
    random = np.random.default_rng(seed)
    known = (random.random(size) < share).astype(np.float32)
    known[random.integers(size[0]), random.integers(size[1])] = 1
    colours = random.uniform(20, 200, (*size, 3)).astype(np.float32)
    whole = filled(np.where(known[..., None] > 0, colours, 1e4).astype(np.float32), known)
    np.testing.assert_array_equal(whole[known > 0], colours[known > 0])
    low, high = colours[known > 0].min(0), colours[known > 0].max(0)
    assert (whole >= low - 0.01).all() and (whole <= high + 0.01).all()


def test_the_picture_has_no_unknown_part_and_ends_beyond_the_walls():
    rebuilt = read_rebuilt("oval")
    picture, half = ground_picture(rebuilt)
    line, _ = centred(rebuilt)
    assert picture.shape[0] == picture.shape[1] == round(2 * half / rebuilt.cell)
    assert half >= np.abs(line.points).max() + 3.6  # the farthest wall
    assert picture.min() > 30  # nothing black, as unknown cells are in the map


@given(radius=st.floats(0.6, 5.0), count=st.integers(60, 900))
def test_the_curvature_of_a_circle(radius, count):
    angle = 2 * np.pi * np.arange(count) / count
    track = closed_track(radius * np.stack([np.cos(angle), np.sin(angle)], 1))
    np.testing.assert_allclose(track.curvature, 1 / radius, rtol=0.01)
    assert abs(track.length - 2 * np.pi * radius) < 0.01 * radius
