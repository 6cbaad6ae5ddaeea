# pyright: reportArgumentType=false
"""Replays: every frame beside its own commands, drawn where they point, filmed at the speed of the recording."""

import importlib.util
from pathlib import Path

import av
import numpy as np
import pytest

from drives import CAMERA, actions_of, image_of, new_policy, record_drives, spoil
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.recordings.smoothing import smooth
from sim2real.replays.policy_replay import PolicyReplay, position_of, replay_episode
from sim2real.reports import viewer
from sim2real.reports.films.replay import film_replay, replay_picture, worst_sheet
from sim2real.reports.pictures.overlay import COLOURS, draw_steering
from sim2real.reports.viewer import write_recording
from sim2real.statistics.agreement import Agreement

DRIVER, POLICY = COLOURS[:2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return record_drives(tmp_path / "set", [8, 30])


@pytest.fixture
def replay(root: Path) -> PolicyReplay:
    return replay_episode(EpisodeDataset(root), 1, new_policy())


def test_a_replay_holds_what_belongs_together(root, replay):
    policy, actions = new_policy(), actions_of(1, 30)[:, 0]
    assert (replay.episode, replay.action, replay.fps, replay.skipped) == (1, "steering", 20.0, {})
    assert np.allclose(replay.time, np.arange(30) / 20)
    (track,) = replay.tracks
    assert track.action == "steering" and np.array_equal(track.raw, actions)
    assert np.allclose(track.driver, smooth(actions[:, None], 0.25, 20.0)[:, 0])
    assert np.array_equal(replay.images, np.stack([image_of(1, row) for row in range(30)]))
    assert np.allclose(track.policy, policy.act({"images.front": replay.images})[:, 0], atol=1e-6)


def test_a_damaged_frame_is_left_out_everywhere(root, replay):
    spoil(root, 1, 4, CAMERA, {"bytes": b"no image", "path": "x.png"})
    less = replay_episode(EpisodeDataset(root), 1, new_policy())
    kept = np.delete(np.arange(30), 4)
    assert less.skipped == {"damaged image": 1} and less.row.tolist() == kept.tolist()
    for name in ("images", "time"):
        assert np.allclose(getattr(less, name), getattr(replay, name)[kept], atol=1e-6), name
    for name in ("raw", "driver", "policy"):
        few, all_of_them = (getattr(track.tracks[0], name) for track in (less, replay))
        assert np.allclose(few, all_of_them[kept], atol=1e-6), name


def test_figures_of_one_episode_have_no_interval(replay):
    track = replay.tracks[0]
    agreement = Agreement(track.driver, np.zeros(30)).measure(track.policy)
    assert replay.metrics == agreement and agreement["mae"].low is None
    assert np.abs(replay.seeing).mean() == pytest.approx(agreement["gain_free_mae"].value, abs=1e-6)


def test_the_worst_frames_are_the_worst_and_not_all_of_one_moment(replay):
    worst = replay.worst(3)
    assert worst[0] == np.abs(replay.seeing).argmax() and len(worst) == 3
    assert np.abs(np.diff(np.sort(replay.row[worst]))).min() >= 10  # half a second
    assert len(replay.worst(100)) <= 4


def test_episodes_are_known_by_their_index_on_the_disk(root):
    dataset = EpisodeDataset(root, [1])
    assert position_of(dataset, 1) == 0
    with pytest.raises(DatasetError, match="no episode 0 among the 1 chosen: 1"):
        replay_episode(dataset, 0, new_policy())


def where(picture: np.ndarray, colour: tuple[int, int, int], rows: slice) -> np.ndarray:
    """Columns of the pixels of a colour."""
    return np.nonzero((picture[rows] == colour).all(-1))[1]


@pytest.mark.parametrize("sign", [-1, 1])
def test_steering_is_drawn_to_the_side_it_points_to(sign):
    frame, gray = slice(0, 480), np.full((120, 160, 3), 128, np.uint8)
    picture = draw_steering(gray, {"driver": 0.8 * sign, "policy": -0.3 * sign}, "frame 3", raw=0.1)
    assert picture.shape[1] == 640 and picture.dtype == np.uint8
    for colour, value in ((DRIVER, 0.8 * sign), (POLICY, -0.3 * sign)):
        for rows in (frame, slice(490, None)):  # the path, and the bar below
            columns = where(picture, colour, rows)
            columns = columns[columns > 100]  # the legend is on the left
            assert len(columns) > 50 and np.sign(columns.mean() - 320) == np.sign(value)
    stronger = draw_steering(gray, {"driver": sign * 1.0})
    reach = [np.abs(where(drawing, DRIVER, frame) - 320).max() for drawing in (stronger, picture)]
    assert reach[0] > reach[1] + 5


@pytest.mark.parametrize("width", [240, 320, 640])
def test_every_frame_gives_a_picture_of_one_size_and_nan_draws_nothing(width):
    gray = np.full((48, 80, 3), 128, np.uint8)
    drawing = draw_steering(gray, {"driver": 5.0, "policy": -1.0}, "a caption", width, raw=-7.0)
    none = draw_steering(gray, {"driver": np.nan, "policy": np.nan}, "b", width)
    assert drawing.shape == none.shape and drawing.shape[1] == width
    assert (none[: width * 48 // 80] == 128).all()


def test_a_film_has_every_frame_at_the_speed_of_the_recording(replay, tmp_path):
    calls = []
    assert film_replay(replay, tmp_path / "film.mp4", lambda *done: calls.append(done)) == 30
    assert calls[-1] == (30, 30)
    with av.open(str(tmp_path / "film.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 20
    assert len(frames) == 30
    expected = replay_picture(replay, 17)[: frames[0].shape[0]]
    assert np.abs(frames[17].astype(float) - expected).mean() < 8  # up to compression


def test_the_sheet_shows_the_worst_first(replay):
    sheet, tile = worst_sheet(replay, 3, columns=2), replay_picture(replay, int(replay.worst(1)[0]), 320)
    assert np.array_equal(sheet[: tile.shape[0], :320], tile)
    assert sheet.shape[:2] == (2 * tile.shape[0] + 8, 2 * 320 + 8)


def test_without_rerun_one_line_says_how_to_get_it(root, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rerun", None)
    with pytest.raises(ValueError, match=r"Rerun, which is not installed: pip install 'sim2real\[viewer\]'"):
        write_recording(tmp_path / "a.rrd", EpisodeDataset(root), 0)
    with pytest.raises(ValueError, match="not installed"):
        viewer.open_viewer([tmp_path / "a.rrd"])
    assert not (tmp_path / "a.rrd").exists()


@pytest.mark.skipif(importlib.util.find_spec("rerun") is None, reason="Rerun is not installed (the extra `viewer`)")
@pytest.mark.parametrize("video", [False, True])
def test_a_recording_holds_images_actions_and_predictions(tmp_path, video):
    rr = importlib.import_module("rerun")
    dataset = EpisodeDataset(record_drives(tmp_path / "set", [8, 30], video=video))
    replay = replay_episode(dataset, 1, new_policy())
    assert write_recording(tmp_path / "out" / "a.rrd", dataset, 1, replay) == 30
    columns: dict[str, dict[int, bytes | float]] = {}
    for chunk in rr.chunk.RrdReader(tmp_path / "out" / "a.rrd").stream():
        batch = chunk.to_record_batch()
        for name in batch.schema.names if not chunk.is_static else ():
            if name.endswith(("blob", "scalars")):
                cells = dict(zip(batch["frame"].to_pylist(), batch[name].to_pylist(), strict=True))
                columns.setdefault(chunk.entity_path.replace("\\", ""), {}).update({k: v[0] for k, v in cells.items()})
    images = columns.pop("/cameras/front")
    assert sorted(images) == list(range(30))
    if not video:
        assert all(bytes(images[row]) == dataset.episode(1).encoded(CAMERA, row) for row in range(30))
    track = replay.tracks[0]
    expected = {"recorded": track.raw, "driver averaged": track.driver, "policy": track.policy}
    for name, values in expected.items():
        column = columns[f"/actions/steering/{name}"]
        assert np.allclose([column[row] for row in range(30)], values), name
    assert "/actions/throttle/recorded" in columns
