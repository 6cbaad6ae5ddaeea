"""Logs in simulation: open loop and a second ahead, their figures, the servos that were identified, and the film."""

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import arm_logs
from drives import record_drives
from envs.arms.so101 import SO101
from recordings import genuine
from relist import relist
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.identification.models import arm_of
from sim2real.identification.robot_file import read_servos
from sim2real.identification.simulation import PARAMETERS
from sim2real.recordings.footage import recorded_frames
from sim2real.replays.log_replay import LogReplay, read_logs, replay_log, robot_of
from sim2real.reports.films.logs import SIZE, film_side_by_side, fitted, postures
from sim2real.reports.pages.simulated_replay import joint_table, joints_plot

TRUE = arm_logs.parameters()


@pytest.fixture(scope="module")
def log():
    return arm_logs.logs(TRUE, 1, 3.0)[0]


@pytest.fixture(scope="module")
def replay(log) -> LogReplay:
    return replay_log(log, arm_logs.replayer(), 30.0)


def test_the_true_servos_follow_the_log_and_others_do_not(log, replay):
    same = replay_log(log, arm_logs.replayer(), 30.0, TRUE, "the true ones")
    # The log was read in whole ticks: it begins half a tick away at most, and stays about there.
    assert np.abs(same.divergence).max() < 0.01 and same.servos == "the true ones"
    assert np.abs(replay.divergence).max() > 5 * np.abs(same.divergence).max()
    assert np.array_equal(replay.log, log.state) and np.array_equal(replay.command, log.command)
    assert np.array_equal(replay.simulated[0], log.state[0])


def test_a_second_ahead_starts_a_second_earlier_from_the_log(log, replay):
    sim = arm_logs.replayer()
    sets = {name: values[None] for name, values in sim.nominal().items()}
    assert np.isnan(replay.ahead[:30]).all() and np.isfinite(replay.ahead[30:]).all()
    (expected,) = sim.windows(sets, [(log, 20, 51)])
    assert np.array_equal(replay.ahead[50], expected[0, -1])
    assert np.array_equal(replay.ahead[30], replay.simulated[30])  # a second after the start, both are the same


def test_figures_of_a_known_divergence(replay):
    away = np.zeros_like(replay.log)
    away[:, 0], away[45:, 1], away[7, 2] = 0.05, -0.2, 0.3
    made = replace(replay, simulated=replay.log + away, ahead=np.full_like(away, np.nan))
    metrics = made.metrics
    pan, lift, elbow, roll = (metrics[name] for name in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_roll"))
    assert pan["rmse"] == pytest.approx(0.05) and pan["seconds_to_0.1"] is None
    assert lift["largest"] == pytest.approx(0.2) and lift["seconds_to_0.1"] == pytest.approx(1.5)
    assert lift["rmse"] == pytest.approx(0.2 * np.sqrt(0.5)) and elbow["seconds_to_0.1"] == pytest.approx(7 / 30)
    assert roll["rmse"] == roll["largest"] == pytest.approx(0, abs=1e-12)
    assert all(figures["second_ahead_rmse"] is None for figures in metrics.values())
    assert made.overall == {"rmse": pytest.approx(np.sqrt((away**2).mean())), "second_ahead_rmse": None}
    rows = {row[0]: row for row in joint_table(made)[1]}
    assert rows["shoulder_pan"][3] == "never" and rows["shoulder_lift"][3] == "1.50 s" and rows["all"][1] > 0


def test_an_episode_no_longer_than_a_second_has_no_second_ahead(log):
    short = replace(log, state=log.state[:30], command=log.command[:30])
    result = replay_log(short, arm_logs.replayer(), 30.0)
    assert np.isnan(result.ahead).all() and result.overall["second_ahead_rmse"] is None
    joints_plot(result)


def test_the_figure_shows_log_command_and_simulation_of_every_joint(replay, tmp_path):
    figure = joints_plot(replay)
    left, right = figure.axes[::2], figure.axes[1::2]
    assert len(left) == len(right) == len(SO101.joints)
    for j, (axes, other) in enumerate(zip(left, right, strict=True)):
        drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
        assert np.array_equal(drawn["log"], replay.log[:, j]) and np.array_equal(drawn["command"], replay.command[:, j])
        assert np.array_equal(drawn["simulated, open loop"], replay.simulated[:, j])
        drawn = {line.get_label(): line.get_ydata() for line in other.lines}
        assert np.array_equal(drawn["open loop"], np.abs(replay.divergence[:, j]))


@pytest.mark.slow
def test_a_recording_in_whatever_units_is_the_same_log(log, tmp_path):
    for mode in ("normalized", "degrees"):
        root = arm_logs.write(tmp_path / mode, arm_logs.logs(TRUE, 3), mode)
        robot, recording, (read,) = read_logs(EpisodeDataset(root), [2])
        original = arm_logs.logs(TRUE, 3)[2]
        assert robot.name == "so101" and recording.units.mode == mode and read.index == 2
        assert np.abs(read.state - original.state).max() < 2 * arm_logs.TICK


@pytest.mark.slow
def test_what_is_wrong_with_other_episodes_does_not_matter(tmp_path):
    logs = arm_logs.logs(TRUE, 3)
    logs[2] = replace(logs[2], state=logs[2].state[:20], command=logs[2].command[:20])
    root = arm_logs.write(tmp_path / "logs", logs)
    units = read_logs(EpisodeDataset(root), [1])[1].units
    data = sorted((root / "data").rglob("*.parquet"))[0]
    table = pq.read_table(data)
    states = table["observation.state"].to_pylist()
    states[7][2] = float("nan")
    k = table.column_names.index("observation.state")
    pq.write_table(table.set_column(k, table.schema.field(k), pa.array(states, table.schema.field(k).type)), data)
    relist(root)
    _, recording, (read,) = read_logs(EpisodeDataset(root), [1])
    assert read.index == 1 and not recording.units.assumed
    np.testing.assert_allclose(recording.units.scale, units.scale, rtol=1e-6)
    with pytest.raises(DatasetError, match=r"episode 0: observation\.state of elbow_flex in frame 7 is nan"):
        read_logs(EpisodeDataset(root), [1, 0])
    with pytest.raises(DatasetError, match="episode 2 is shorter than a second"):
        read_logs(EpisodeDataset(root), [2])


def test_whose_a_recording_is(log, tmp_path):
    for kind in ("so101_follower", "sim2real_so101", "unknown"):
        root = arm_logs.write(tmp_path / kind, [log], robot_type=kind)
        assert robot_of(EpisodeDataset(root)).name == "so101"
    with pytest.raises(DatasetError, match=r"of a robot 'koch' .*only recordings of arms have \(so101\)"):
        robot_of(EpisodeDataset(arm_logs.write(tmp_path / "koch", [log], robot_type="koch")))
    with pytest.raises(DatasetError, match="without names: replay in simulation needs joint positions"):
        robot_of(EpisodeDataset(record_drives(tmp_path / "car", [40])))


def robot_file(path: Path, **changed: object) -> Path:
    servos = {
        joint: {n: {"value": float(TRUE[n][j])} for n in PARAMETERS if n not in ("braking", "object")}
        for j, joint in enumerate(SO101.joints)
    }
    path.write_text(json.dumps({"format_version": 1, "robot": "so101", "servos": servos} | changed))
    return path


def test_servos_that_were_identified(tmp_path):
    sim = arm_logs.replayer()
    servos = read_servos(robot_file(tmp_path / "robot.json"), "so101", sim)
    assert servos.keys() == set(PARAMETERS)
    for name in PARAMETERS:
        assert np.array_equal(servos[name], TRUE[name]), name
    assert np.array_equal(read_servos(tmp_path, "so101", sim)["gain"], TRUE["gain"])  # the run's folder will do


def test_robot_files_that_are_none(tmp_path):
    sim, path = arm_logs.replayer(), tmp_path / "robot.json"
    with pytest.raises(ValueError, match=r"no such file: .*`sim2real identify` writes it"):
        read_servos(path, "so101", sim)
    with pytest.raises(ValueError, match="is for the robot 'koch', the recording is of 'so101'"):
        read_servos(robot_file(path, robot="koch"), "so101", sim)
    with pytest.raises(ValueError, match="is not a robot file of version 1"):
        read_servos(robot_file(path, format_version=7), "so101", sim)
    with pytest.raises(ValueError, match="damaged: KeyError 'shoulder_pan'"):
        read_servos(robot_file(path, servos={}), "so101", sim)
    path.write_text("{")
    with pytest.raises(ValueError, match="cannot be read as JSON"):
        read_servos(path, "so101", sim)


def test_postures_are_drawn_as_told(log):
    still = list(postures(SO101, log.state[[0, 0, 40]]))
    assert still[0].shape == (SIZE[1], SIZE[0], 3) and np.array_equal(still[0], still[1])
    assert (still[0] != still[2]).any(-1).mean() > 0.005


def test_films_show_their_sources_side_by_side(tmp_path):
    red, blue = (np.full((60, 80, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200)))
    columns = [("one", iter([red] * 5)), ("other", iter([blue] * 5))]
    assert film_side_by_side(tmp_path / "a.mp4", columns, ["caption"] * 5, 30) == 5
    with av.open(str(tmp_path / "a.mp4")) as film:
        (frame, *_) = [picture.to_ndarray(format="rgb24") for picture in film.decode(video=0)]
    middle = frame.shape[0] // 2
    assert frame.shape[1] == 2 * SIZE[0]
    assert np.abs(frame[middle, SIZE[0] // 2].astype(int) - (200, 0, 0)).max() < 25
    assert np.abs(frame[middle, 3 * SIZE[0] // 2].astype(int) - (0, 0, 200)).max() < 25


def test_pictures_of_another_shape_are_not_stretched():
    wide = fitted(np.zeros((50, 400, 3), np.uint8))
    assert wide.shape == (SIZE[1], SIZE[0], 3)
    dark = (wide == 0).all(-1)
    assert dark.any(1).sum() == pytest.approx(SIZE[0] * 50 / 400, abs=1) and dark.any(0).all()


@pytest.mark.slow
def test_a_genuine_log_without_its_videos():
    dataset = EpisodeDataset(genuine("so101/lift"), [3])
    robot, recording, logs = read_logs(dataset, [3])
    result = replay_log(logs[0], arm_logs.Replayer(arm_of(robot), recording.fps), recording.fps)
    body = [result.metrics[name]["rmse"] for name in robot.joints if name != robot.gripper]
    # The arm goes where the person went, a little off; the jaw does not, as nothing is in it here.
    assert 0.001 < max(map(float, filter(None, body))) < 0.1
    assert np.ptp(result.log, axis=0).max() > 1
    assert recorded_frames(dataset, 0) == f"the videos are missing: no {dataset.root / 'videos'}"
