# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""The truth beside a recorded layout: poses of the frames, camera, track; and nobody who reads the dataset opens it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from envs import BatchEnv, Camera, make_task
from sim2real.collection.config import RecordConfig
from sim2real.collection.rehearsal import record_on_rehearsal
from sim2real.datasets import EpisodeDataset
from sim2real.datasets.checksums import check_all
from sim2real.datasets.files import read_table
from sim2real.datasets.inspection import inspect
from sim2real.files import read_json
from sim2real.tracks.ground import GroundView, Mount
from sim2real.tracks.poses import compose, relative
from sim2real.tracks.rebuilding.footage import Footage
from sim2real.tracks.rebuilding.registration import Views
from sim2real.worlds import read_camera

LAYOUT, SECONDS = 5, 2.0
FRONT = "observation.images.front"
Change = Callable[..., tuple[dict[str, float], np.ndarray]]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth") / "set"
    record_on_rehearsal(folder, RecordConfig(episodes=4, seconds=SECONDS, layout=LAYOUT))
    return folder


def poses_in(folder: Path, beginning: str = "") -> np.ndarray:
    """True poses (episodes, frames, 3); with `shown_`, those that the frames show."""
    rows = read_table(folder / "truth/poses.parquet").to_pydict()
    assert rows["episode_index"] == sorted(rows["episode_index"])
    return np.column_stack([rows[f"{beginning}{name}"] for name in ("x", "y", "yaw")]).reshape(4, -1, 3)


@pytest.mark.slow
def test_poses_are_those_of_the_cars(recording: Path):
    """Against the cars driven once more with the recorded actions."""
    env = BatchEnv(make_task("LaneFollow", "recording", layout=LAYOUT), 4, randomization="rehearsal")
    observation, _ = env.reset(seed=RecordConfig().first_seed)
    actions = np.stack([episode["action"] for episode in EpisodeDataset(recording)], 1)
    driven, same, before = [], [], observation["images.front"]
    for action in actions:
        driven.append(env.task.poses)
        same.append((observation["images.front"] == before).all((1, 2, 3)))
        before = observation["images.front"]
        observation, *_ = env.step(action)
    env.close()
    driven, same = np.stack(driven, 1), np.stack(same, 1)
    np.testing.assert_array_equal(poses_in(recording), driven)
    shown = poses_in(recording, "shown_")
    fresh = ~same
    fresh[:, :2] = False
    assert 0.8 < fresh.mean() < 1  # some frames are lost
    np.testing.assert_array_equal(shown[:, 1:][fresh[:, 1:]], driven[:, :-1][fresh[:, 1:]])  # one step late
    np.testing.assert_array_equal(shown[:, 1:][same[:, 1:]], shown[:, :-1][same[:, 1:]])


def projected(points: np.ndarray, pose: np.ndarray, mount: dict[str, float], camera: Camera) -> np.ndarray:
    """Pixels of points (n, 2) on the ground, by the angles as they are described."""
    local = relative(pose, np.column_stack([points, np.zeros(len(points))]))
    offset = np.column_stack([local[:, 0], local[:, 1], np.zeros(len(local))])
    offset -= (mount["ahead"], mount["aside"], mount["height"])
    yaw, pitch, roll = -mount["yaw"], mount["pitch"], mount["roll"]
    ahead = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    level = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    below = np.cross(ahead, level)
    right, down = np.cos(roll) * level + np.sin(roll) * below, np.cos(roll) * below - np.sin(roll) * level
    return camera.project(offset @ np.column_stack([right, down, ahead]))


def _ridge(frames: list[tuple[np.ndarray, np.ndarray]], truth: dict[str, Any], camera: Camera, change: Change) -> float:
    """How much brighter [grey levels] frames are on the edge lines than beside them, by the truth after a change."""
    line, heading = np.array(truth["line"]["points"]), np.array(truth["line"]["heading"])
    normal = np.column_stack([-np.sin(heading), np.cos(heading)])
    found = []
    for gray, pose in frames:
        mount, moved = change(truth["mount"], pose)
        level = []
        for aside in (0.25, 0.19, 0.31, -0.25, -0.19, -0.31):
            points = line + aside * normal
            local = relative(moved, np.column_stack([points, heading]))
            near = (local[:, 0] > 0.3) & (local[:, 0] < 1.0) & (np.abs(local[:, 1]) < 0.5)
            at = projected(points[near], moved, mount, camera)
            at = at[((at > 0) & (at < (159, 119))).all(1)].astype(np.float32)
            values = cv2.remap(gray, at[:, :1], at[:, 1:], cv2.INTER_LINEAR) if len(at) else np.nan
            level.append(np.mean(values))
        found += [2 * level[k] - level[k + 1] - level[k + 2] for k in (0, 3)]
    return float(np.nanmean(found))


def _with(**changes: float) -> Change:
    return lambda mount, pose: ({name: value + changes.get(name, 0.0) for name, value in mount.items()}, pose)


@pytest.mark.slow
def test_the_true_edge_lines_are_where_the_frames_show_them(recording: Path):
    """Any single error of the camera's place, its angles or the pose finds less of them."""
    frames = []
    for episode, poses in zip(EpisodeDataset(recording), poses_in(recording, "shown_"), strict=True):
        rows = np.arange(10, len(poses), 10)
        images = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in episode.images(FRONT, rows)]
        frames += [(image.astype(np.float32), pose) for image, pose in zip(images, poses[rows], strict=True)]
    known = read_json(recording / "truth/track.json"), Camera.from_dict(read_json(recording / "truth/camera.json"))
    right = _ridge(frames, *known, _with())
    assert right > 15
    for name, size in (("pitch", 0.04), ("yaw", 0.06), ("roll", 0.08), ("aside", 0.03), ("height", 0.03)):
        for change in (size, -size):
            assert _ridge(frames, *known, _with(**{name: change})) < 0.9 * right, (name, change)
    for step in ((0.0, 0.03, 0.0), (0.0, -0.03, 0.0), (0.0, 0.0, 0.06), (0.0, 0.0, -0.06)):
        assert (
            _ridge(frames, *known, lambda mount, pose, step=step: (mount, compose(pose, np.array(step)))) < 0.9 * right
        )


@pytest.mark.slow
def test_car_and_camera_are_as_drawn(recording: Path):
    truth = read_json(recording / "truth/track.json")
    env = BatchEnv(make_task("LaneFollow", "rehearsal", layout=LAYOUT), 1, randomization="rehearsal")
    env.reset(seed=77)  # an evaluation's
    assert truth["drawn"] == env.episode_parameters(0) and truth["layout"] == LAYOUT
    assert read_json(recording / "truth/camera.json") == env.lens("front", 0).to_dict()
    np.testing.assert_array_equal(truth["line"]["points"], env.task.tracks[0].points)
    car, mount = truth["car"], truth["mount"]
    assert 0.135 <= car["delay"] <= 0.145 and car["delay_of_camera"] == 0.05
    assert car["curvature_per_steering"] == pytest.approx(-env.task.parameters["steer_max"][0, 0] / 0.26)
    assert mount["height"] == pytest.approx(0.2215 + 0.05, abs=0.0021) and mount["aside"] == pytest.approx(
        0.03, abs=0.0021
    )
    env.close()


@pytest.mark.slow
def test_no_reader_of_the_dataset_opens_the_truth(recording: Path, tmp_path: Path):
    shutil.copytree(recording, tmp_path / "set")
    for path in (tmp_path / "set/truth").iterdir():
        path.write_bytes(b"nothing that can be read")
    dataset = EpisodeDataset.open(str(tmp_path / "set"))
    for ours, theirs in zip(dataset, EpisodeDataset(recording), strict=True):
        np.testing.assert_array_equal(ours["action"], theirs["action"])
        np.testing.assert_array_equal(ours[FRONT], theirs[FRONT])
    assert check_all(tmp_path / "set") and not any(inspect(dataset)["truth"].values())
    assert Footage(
        dataset, Views(GroundView(Mount(read_camera(recording / "truth/camera.json"), 0.08, 0.27, 0.46)))
    ).segments


@pytest.mark.slow
def test_what_is_recorded_beside_changes_neither_the_recording_nor_the_truth(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sim2real.collection.rehearsal.SIDE_BY_SIDE", 3)
    record_on_rehearsal(tmp_path / "again", RecordConfig(episodes=4, seconds=SECONDS, layout=LAYOUT))
    for path in recording.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(recording)).read_bytes() == path.read_bytes(), path


@pytest.mark.slow
def test_a_recording_without_a_layout_has_no_truth(tmp_path: Path, short_lane: str):
    record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=1, seconds=0.5))
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["data", "meta"]
