"""LeRobot's units of joints: told from the values, converted both ways, refused when they are none."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arm_logs
from recordings import genuine
from relist import relist
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.recordings.arm_logs import Log, read_recording
from sim2real.robots import find_robot
from sim2real.robots.units import DEGREE_TICK, TICKS, JointUnits, read_units, spacing

SO101 = find_robot("so101")


def waves(count: int = 240, episodes: int = 2, amplitude: float = 0.4) -> list[Log]:
    """Joints that swing about, without any physics."""
    time = np.arange(count)[:, None] / 30
    angles = arm_logs.HOME + amplitude * np.sin(time * (1 + 0.1 * np.arange(6)))
    return [Log(k, angles, angles + 0.02) for k in range(episodes)]


@given(
    st.lists(st.floats(1e-3, 0.1), min_size=6, max_size=6),
    st.lists(st.floats(-100, 100), min_size=6, max_size=6),
)
def test_units_convert_there_and_back(scale, values):
    units = JointUnits("normalized", tuple(scale), (0.0,) * 5 + (-0.17,))
    radians = units.to_radians(np.array([values]))
    np.testing.assert_allclose(units.from_radians(radians), [values], atol=1e-9)
    np.testing.assert_allclose(np.diff(units.to_radians(np.array([values, np.array(values) + 1])), axis=0)[0], scale)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(900, 4096), st.integers(60, 900), st.integers(0, 2**32 - 1), st.booleans())
def test_the_spacing_of_whole_ticks_is_found(ticks, reach, seed, gripper):
    unit = (100 if gripper else 200) / ticks
    visited = np.random.default_rng(seed).integers(0, reach, 400) * unit - 30
    step = spacing(visited.astype(np.float32))
    if len(np.unique(visited)) >= 24:
        assert step is not None and abs(step / unit - 1) < 2e-3


def test_a_joint_of_few_values_or_of_any_shows_no_spacing():
    assert spacing(np.repeat(np.arange(8) * 0.08, 20)) is None
    assert spacing(np.random.default_rng(0).uniform(-50, 50, 1000)) is None


@pytest.mark.parametrize("mode", ["degrees", "normalized"])
def test_both_modes_are_told_and_give_the_same_angles(mode, tmp_path):
    logs = waves()
    recording = read_recording(EpisodeDataset(arm_logs.write(tmp_path / "d", logs, mode)), SO101)
    assert recording.units.mode == mode and not recording.units.assumed
    np.testing.assert_allclose(recording.units.scale, arm_logs.units(mode).scale, rtol=1e-3)
    for read, log in zip(recording.logs, logs, strict=True):
        np.testing.assert_allclose(read.state, log.state, atol=2 * np.pi / TICKS)
        np.testing.assert_allclose(read.command, log.command, atol=2e-3)


def test_a_joint_that_rests_is_said_to_be_assumed():
    values = np.round(np.tile(np.linspace(-40, 40, 500)[:, None], 6) / DEGREE_TICK) * DEGREE_TICK
    values[:, 4] = 3.0
    units = read_units(values, SO101.joints, SO101.gripper, np.array(SO101.limits))
    assert units.mode == "degrees" and units.assumed == ("wrist_roll",)
    np.testing.assert_allclose(units.scale[4], np.pi / 180)


@pytest.mark.slow
def test_units_do_not_depend_on_the_episodes_asked_for(tmp_path):
    moving = waves()[0]
    resting = Log(0, moving.state * (1, 1, 1, 1, 0, 1), moving.command)  # LeRobot's 0 of the wrist throughout
    root = arm_logs.write(tmp_path / "d", [resting, replace(moving, index=1)])
    complete = read_recording(EpisodeDataset(root), SO101)
    assert not complete.units.assumed
    for k in range(2):
        selected = read_recording(EpisodeDataset(root, [k]), SO101)
        assert selected.units == complete.units and [log.index for log in selected.logs] == [k]


def test_own_recordings_are_in_degrees(tmp_path):
    known = waves()
    root = tmp_path / "own"
    scale = np.array([np.pi / 180] * 5 + [(1.7453 + 0.1745) / 100])
    arm_logs.write(root, [Log(0, np.zeros((40, 6)), np.zeros((40, 6)))], robot_type="sim2real_so101")
    states = (known[0].state - (0, 0, 0, 0, 0, -0.1745)) / scale
    units = SO101.units(states, "x", "sim2real_so101")
    np.testing.assert_allclose(units.to_radians(states), known[0].state, atol=1e-9)
    assert read_recording(EpisodeDataset(root), SO101).units.mode == "degrees"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (waves()[0].state, "looks like radians"),
        (np.where(np.arange(6) == 5, 50, waves()[0].state), "no joint but the gripper .* looks like radians"),
        (np.tile(np.sin(np.arange(900))[:, None] * 40 + 50, 6), "none in steps of servo ticks"),
        (2048 + waves()[0].state / (2 * np.pi) * 4096, "raw ticks"),
        (np.tile(np.linspace(-250, 250, 100)[:, None], 6), "no unit of LeRobot"),
        (np.tile(np.linspace(-90, 90, 100)[:, None], 6), "gripper must be in 0…100"),
    ],
)
def test_other_units_are_refused_in_one_line(values, says):
    with pytest.raises(ValueError, match=says) as error:
        SO101.units(values, "dataset")
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_joint_that_would_turn_over_more_than_its_servo_can_is_refused():
    values = np.tile(np.linspace(0, 90, 8000)[:, None], 6)
    values[:, 0] = (np.arange(8000) - 4000) * 0.045  # two turns of ticks
    with pytest.raises(ValueError, match="more than a turn"):
        SO101.units(values, "dataset")


def _rewrite(root: Path, change) -> None:
    """Change the table of the first data file."""
    path = sorted((root / "data").rglob("*.parquet"))[0]
    pq.write_table(change(pq.read_table(path)), path)
    relist(root)


def _with_nan(table):
    column = table.column_names.index("observation.state")
    values = np.array(table["observation.state"].to_pylist(), np.float32)
    values[7, 2] = np.nan
    field = table.schema.field(column)
    return table.set_column(column, field, pa.array([v.tolist() for v in values], field.type))


@pytest.mark.slow
def test_bad_recordings_are_refused_in_one_line(tmp_path):
    logs = waves()

    def refuse(root: Path, says: str) -> None:
        with pytest.raises((DatasetError, ValueError), match=says) as error:
            read_recording(EpisodeDataset(root), SO101)
        assert "\n" not in str(error.value)

    refuse(arm_logs.write(tmp_path / "koch", logs, robot_type="koch_follower"), "'koch_follower', not of so101")
    names = ("a.pos", "b.pos", "c.pos", "d.pos", "e.pos", "f.pos")
    refuse(arm_logs.write(tmp_path / "names", logs, names=names), "so101 has shoulder_pan")
    refuse(arm_logs.write(tmp_path / "ticks", logs, scale=40.0), "units|degrees")
    wrong = [Log(log.index, log.state, log.command * np.pi / 180) for log in logs]
    wrong = [Log(log.index, log.state, np.append(log.command[:, :5], np.full((240, 1), -0.1745), 1)) for log in wrong]
    refuse(arm_logs.write(tmp_path / "radians", wrong, "degrees"), "action: no joint .* looks like radians")
    refuse(arm_logs.write(tmp_path / "none", []), "no episodes yet")
    refuse(arm_logs.write(tmp_path / "short", [Log(0, log.state[:20], log.command[:20]) for log in logs]), "a second")
    nan = arm_logs.write(tmp_path / "nan", logs)
    _rewrite(nan, _with_nan)
    refuse(nan, "elbow_flex in frame 7 is nan")
    gap = arm_logs.write(tmp_path / "gap", logs)
    info = json.loads((gap / "meta/info.json").read_text())
    (gap / "meta/info.json").write_text(json.dumps(info | {"total_episodes": 3}))
    relist(gap)
    refuse(gap, "counts 3 episodes")
    rows = arm_logs.write(tmp_path / "rows", logs)
    _rewrite(rows, lambda table: table.take(np.delete(np.arange(table.num_rows), 5)))
    refuse(rows, "239 rows of episode 0")


@pytest.mark.slow
def test_the_genuine_recording_lies_in_the_ranges_of_the_arm():
    recording = read_recording(EpisodeDataset(genuine("so101/lift")), SO101)
    assert recording.units.mode == "normalized" and not recording.units.assumed and len(recording.logs) == 50
    ticks = 2 * np.pi / TICKS / np.array(recording.units.scale)
    np.testing.assert_allclose(ticks, [0.07728, 0.08361, 0.08937, 0.08354, 0.05218, 0.05467], rtol=1e-3)
    states = np.concatenate([log.state for log in recording.logs])
    low, high = np.array(SO101.limits).T
    assert (states.min(0) > low - 0.1).all() and (states.max(0) < high + 0.1).all()


def test_robots_go_by_their_type_in_recordings_too():
    assert find_robot("so101_follower") is SO101


def test_unknown_robots_are_told_the_known_ones():
    with pytest.raises(ValueError, match="no robot 'koch'; there are: so101"):
        find_robot("koch")
