# pyright: reportAttributeAccessIssue=false
"""Replays of arms through a policy: every joint beside its own, drawn as bars, in a figure; and without videos."""

import importlib
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from arms import arm_config, record_arm
from drives import new_policy, record_drives
from sim2real.datasets import EpisodeDataset
from sim2real.recordings.footage import NoFootageError, recorded_frames
from sim2real.recordings.smoothing import smooth
from sim2real.replays.policy_replay import PolicyReplay, replay_episode
from sim2real.reports.films.replay import replay_picture
from sim2real.reports.pages.policy_replay import agreement_table, replay_plot, worst_table
from sim2real.reports.pictures.overlay import COLOURS, draw_actions
from sim2real.reports.viewer import absent_cameras, write_recording
from sim2real.statistics.agreement import Agreement

RERUN = importlib.util.find_spec("rerun") is not None
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("arm") / "set"
    return root, record_arm(root, [12, 40])


@pytest.fixture(scope="module")
def replay(made) -> PolicyReplay:
    return replay_episode(EpisodeDataset(made[0]), 1, new_policy(config=arm_config()))


def test_every_joint_is_beside_what_was_done(made, replay):
    root, known = made
    assert [track.action for track in replay.tracks] == list(JOINTS) and replay.action == "all 6 actions"
    done = np.stack([track.raw for track in replay.tracks], 1)
    assert np.abs(done - known[1].actions).max() < 0.02  # through degrees and back
    driver = np.stack([track.driver for track in replay.tracks], 1)
    assert replay.smoothing == 0.1 and np.allclose(driver, smooth(done, 0.1, 30.0), atol=1e-6)
    policy, images = new_policy(config=arm_config()), EpisodeDataset(root).episode(1).images("observation.images.front")
    expected = policy.act({"images.front": images, "state": known[1].states})
    guess = np.stack([track.policy for track in replay.tracks], 1)
    assert np.abs(guess - expected).max() < 0.02 and np.ptp(expected, axis=0).min() > 0.02


def test_figures_are_of_all_joints_and_of_each(replay):
    elbow = replay.tracks[2]
    assert elbow.metrics == Agreement(elbow.driver, np.zeros(40)).measure(elbow.policy)
    header, rows = agreement_table([replay])
    assert [row[0] for row in rows] == ["episode 1", *(f"episode 1, {joint}" for joint in JOINTS)]
    rmse = header.index("RMSE")
    together = np.sqrt(np.mean([row[rmse].value ** 2 for row in rows[1:]]))
    assert rows[0][rmse].value == pytest.approx(together)
    each = np.array([track.seeing for track in replay.tracks])
    assert np.allclose(replay.seeing, np.sqrt((each**2).mean(0)))


def test_the_worst_frames_name_the_joint_that_is_most_wrong(replay):
    worst = replay.worst(3)
    assert worst[0] == replay.seeing.argmax()
    for k, row in zip(worst, worst_table(replay, 3)[1], strict=True):
        most = max(replay.tracks, key=lambda track: abs(track.seeing[k]))
        assert row[0] == replay.row[k] and row[3:] == [most.action, most.driver[k], most.policy[k]]


def test_the_figure_has_a_plot_per_joint(replay):
    plots = replay_plot(replay, 3).axes
    assert [plot.get_ylabel() for plot in plots] == list(JOINTS)
    for plot, track in zip(plots, replay.tracks, strict=True):
        drawn = {line.get_label(): line.get_ydata() for line in plot.lines}
        assert np.array_equal(drawn["recorded"], track.driver) and np.array_equal(drawn["policy"], track.policy)


def where(picture: np.ndarray, colour: tuple[int, int, int], rows: slice) -> np.ndarray:
    return np.nonzero((picture[rows] == colour).all(-1))[1]


@pytest.mark.parametrize("sign", [-1, 1])
def test_bars_point_to_their_side_and_are_as_long_as_the_value(sign):
    gray = np.full((120, 160, 3), 128, np.uint8)
    picture = draw_actions(gray, {"one": (0.8 * sign, -0.4 * sign)}, ("recorded", "policy"), "frame 3")
    assert picture.shape[1] == 640 and (picture[:480] == 128).all()  # the frame stays as it is
    bars = slice(480 + 26 + 6, None)  # below caption and legend
    blue, orange = (where(picture, colour, bars) for colour in COLOURS[:2])
    blue, orange = blue[blue < 520], orange[orange < 520]  # the numbers are on the right
    longer, shorter = np.ptp(blue), np.ptp(orange)
    assert longer == pytest.approx(2 * shorter, abs=3)
    middle = blue.min() if sign > 0 else blue.max()
    other = orange.max() if sign > 0 else orange.min()
    assert abs(int(middle) - int(other)) <= 2  # between them is the rule


def test_pictures_of_an_episode_are_of_one_size_and_nan_draws_nothing(replay):
    assert replay_picture(replay, 0).shape == replay_picture(replay, 17).shape
    gray, names = np.full((120, 160, 3), 128, np.uint8), ("recorded", "policy")
    drawing = draw_actions(gray, {"one": (9.0, -9.0)}, names, width=320)
    none = draw_actions(gray, {"one": (np.nan, np.nan)}, names, width=320)
    assert drawing.shape == none.shape
    rows = slice(240 + 16, None)
    assert len(where(drawing, COLOURS[0], rows)) > 100 and not len(where(none, COLOURS[0], rows))


@pytest.fixture
def without_videos(tmp_path: Path) -> Path:
    root = record_drives(tmp_path / "set", [8, 30], video=True)
    shutil.rmtree(root / "videos")
    return root


def test_missing_videos_are_told_in_a_line(without_videos, made):
    dataset = EpisodeDataset(without_videos)
    message = f"the videos are missing: no {without_videos / 'videos'}"
    with pytest.raises(NoFootageError, match=f"^{message}: a policy needs camera frames$"):
        replay_episode(dataset, 1, new_policy())
    assert recorded_frames(dataset, 1) == message
    assert absent_cameras(dataset, 1) == {"observation.images.front": message}
    name, frames = recorded_frames(EpisodeDataset(made[0]), 0)
    assert name == "front" and frames.shape == (12, 120, 160, 3)
    assert absent_cameras(EpisodeDataset(made[0]), 0) == {}


def scalars(path: Path) -> dict[str, list[float]]:
    rr = importlib.import_module("rerun")
    series: dict[str, list[float]] = {}
    for chunk in rr.chunk.RrdReader(path).stream():
        batch = chunk.to_record_batch()
        for name in batch.schema.names if not chunk.is_static else ():
            if name.endswith("scalars"):
                series.setdefault(chunk.entity_path.replace("\\", ""), []).extend(v[0] for v in batch[name].to_pylist())
    return series


@pytest.mark.skipif(not RERUN, reason="Rerun is not installed (the extra `viewer`)")
def test_the_viewer_shows_joints_actions_and_predictions(made, replay, tmp_path):
    dataset = EpisodeDataset(made[0])
    assert write_recording(tmp_path / "a.rrd", dataset, 1, replay) == 40
    series, episode = scalars(tmp_path / "a.rrd"), dataset.episode(1)
    for j, joint in enumerate(JOINTS):
        assert np.allclose(series[f"/actions/{joint}.pos/recorded"], episode["action"][:, j])
        assert np.allclose(series[f"/state/{joint}.pos/measured"], episode["observation.state"][:, j])
        assert np.allclose(series[f"/policy actions/{joint}/policy"], replay.tracks[j].policy)


@pytest.mark.skipif(not RERUN, reason="Rerun is not installed (the extra `viewer`)")
def test_the_viewer_shows_the_rest_without_videos(without_videos, tmp_path):
    assert write_recording(tmp_path / "a.rrd", EpisodeDataset(without_videos), 1) == 30
    assert set(scalars(tmp_path / "a.rrd")) == {"/actions/steering/recorded", "/actions/throttle/recorded"}
