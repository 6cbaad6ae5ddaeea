# pyright: reportArgumentType=false
"""From a recording's columns to what a policy is told and does: exact for an arm's own, and clear about the others."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arms import Known, arm_config, record_arm
from drives import SMALL, record_drives, spoil
from envs import make_task
from policies.heads import HeadsConfig
from recordings import genuine
from sim2real.datasets import DatasetError, EpisodeDataset, EpisodeWriter, Feature
from sim2real.recordings.frames import read_frames
from sim2real.recordings.interpretation import earlier, recorded

STATE = "observation.state"


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Known]]:
    root = tmp_path_factory.mktemp("arm") / "set"
    return root, record_arm(root, [12, 20])


def test_an_arms_recording_gives_back_what_was_done_and_told(arm):
    root, known = arm
    frames = read_frames(EpisodeDataset(root), arm_config(), 0.0)
    assert frames.judged == (0, 1, 2, 3, 4, 5) and frames.state is not None and frames.images.shape == (32, 64, 64, 3)
    for k, truth in enumerate(known):
        here = frames.episode == k
        assert np.abs(frames.actions[here] - truth.actions).max() < 1e-5 and np.abs(truth.actions).max() > 0.2
        assert np.abs(frames.state[here] - truth.states).max() < 1e-5 and np.median(np.ptp(truth.states, axis=0)) > 0.05
    assert frames.actions.dtype == frames.state.dtype == np.float32


def test_the_state_goes_with_its_frame(arm):
    frames = read_frames(EpisodeDataset(arm[0]), arm_config())
    assert frames.smoothing == 0.1 and frames.state is not None
    chosen = frames.select(np.array([3, 20, 7]))
    assert chosen.state is not None and np.array_equal(chosen.state, frames.state[[3, 20, 7]])
    single, limited = frames.of(np.array([1])), frames.limited(15, np.random.default_rng(0))
    assert single.state is not None and len(single.state) == 20
    assert limited.state is not None and len(limited.state) == 15
    for image, state in zip(limited.images, limited.state, strict=True):
        (row,) = np.flatnonzero((frames.state == state).all(1))
        assert np.array_equal(frames.images[row], image)


@pytest.mark.slow
def test_labels_that_are_faster_than_any_action_are_counted(tmp_path):
    record_arm(tmp_path / "set", [12, 20])
    complete = read_frames(EpisodeDataset(tmp_path / "set"), arm_config(), 0.0)
    names = arm_config().action_names
    assert complete.saturation(names) == {}
    jerk = EpisodeDataset(tmp_path / "set").episode(0)["action"][6] + np.array([0, 0, 30, 0, 0, 0], np.float32)  # deg
    spoil(tmp_path / "set", 0, 6, "action", jerk.tolist())
    frames = read_frames(EpisodeDataset(tmp_path / "set"), arm_config())  # there and back, before smoothing hides it
    assert frames.saturation(names) == {"elbow_flex": 2} and np.abs(frames.actions).max() <= 1
    assert frames.select(np.array([6, 8])).saturation(names) == {"elbow_flex": 1}


@pytest.mark.slow
def test_a_damaged_image_takes_its_state_along(arm, tmp_path):
    record_arm(tmp_path / "set", [12, 20])
    spoil(tmp_path / "set", 0, 4, "observation.images.front", {"bytes": b"no image", "path": "x.png"})
    complete, frames = (read_frames(EpisodeDataset(root), arm_config()) for root in (arm[0], tmp_path / "set"))
    assert complete.state is not None and frames.skipped == {"damaged image": 1}
    assert np.array_equal(frames.state, np.delete(complete.state, 4, axis=0))


def test_a_policy_that_looks_at_images_alone_is_told_nothing(arm):
    frames = read_frames(EpisodeDataset(arm[0]), arm_config(with_state=False))
    assert frames.state is None and frames.actions.shape == (32, 6)


@given(st.floats(0.2, 3), st.floats(0.1, 1.5), st.integers(2, 40))
def test_a_steady_motion_is_the_same_action_at_every_rate(step, speed, length):
    """What an action of a control step moves the target by does not depend on how often it was recorded."""
    target = speed * np.arange(-1, length)[:, None]
    inside = slice(int(np.ceil(step)) - 1, None)
    moved = (target[1:] - earlier(target, step))[inside]
    assert np.allclose(moved, step * speed)


def test_at_the_tasks_own_rate_the_frame_before_is_taken_as_it_is():
    values = np.random.default_rng(0).normal(size=(30, 6))
    assert np.array_equal(earlier(values, 30 * (1 / 30)), values[:-1])


def claiming(root: Path, robot: str, names: tuple[str, ...], values: np.ndarray, columns=("action", STATE)) -> Path:
    """A dataset of one episode without images, of which nothing is true."""
    features = {column: Feature("float32", (len(names),), names) for column in columns}
    with EpisodeWriter(root, features, 30, robot_type=robot) as writer:
        writer.save_columns({column: list(values.astype(np.float32)) for column in columns}, "nothing")
    return root


JOINTS = tuple(f"{joint}.pos" for joint in make_task("Reach").spec.action_names)
SWEEP = 50 + 40 * np.sin(np.linspace(0, 6, 90))[:, None].repeat(6, 1)


@pytest.mark.parametrize(
    ("robot", "names", "factor", "message"),
    [
        ("koch_follower", JOINTS, 1.0, "of a robot 'koch_follower', not of so101"),
        ("rehearsal-car", ("steering", "throttle"), 0.01, "of a robot 'rehearsal-car', not of so101"),
        ("so101_follower", JOINTS[:5], 1.0, "action has shoulder_pan, .*wrist_roll; so101 has .*gripper"),
        ("sim2real_so101", JOINTS[:5], 1.0, "has no action named gripper.pos; its actions: shoulder_pan.pos"),
        ("so101_follower", JOINTS, np.pi / 180, "looks like radians"),
        ("so101_follower", JOINTS, 20.0, "raw ticks"),
    ],
)
def test_a_dataset_of_another_robot_or_in_other_units_is_refused(tmp_path, robot, names, factor, message):
    root = claiming(tmp_path / "set", robot, names, factor * SWEEP[:, : len(names)])
    with pytest.raises(DatasetError, match=message) as complaint:
        recorded(EpisodeDataset(root), arm_config())
    assert "\n" not in str(complaint.value) and str(root) in str(complaint.value)


def test_an_arms_recording_needs_its_positions(tmp_path):
    root = claiming(tmp_path / "set", "so101_follower", JOINTS, SWEEP, ("action",))
    with pytest.raises(DatasetError, match=f"has no {STATE}"):
        recorded(EpisodeDataset(root), arm_config())


@pytest.mark.slow
@pytest.mark.parametrize("column", ["action", STATE])
def test_a_joint_that_is_no_number_is_pointed_out(tmp_path, column):
    record_arm(tmp_path / "set", [8, 8])
    spoil(tmp_path / "set", 1, 3, column, [1.0, 2.0, float("nan"), 4.0, 5.0, 6.0])
    with pytest.raises(DatasetError, match=r"elbow_flex.pos is not a number in frame 3 of episode 1"):
        read_frames(EpisodeDataset(tmp_path / "set"), arm_config())


@pytest.mark.slow
def test_a_car_is_told_nothing_and_judged_by_its_steering(tmp_path):
    record_drives(tmp_path / "set", [6])
    driving = recorded(EpisodeDataset(tmp_path / "set"), dataclasses.replace(SMALL, task="LaneFollow"))
    assert driving.judged == (0,) and driving.smoothing == 0.25
    actions, state = driving.read(EpisodeDataset(tmp_path / "set").episode(0))
    assert actions.shape == (6, 2) and state is None


def test_a_cars_labels_beyond_the_range_of_actions_are_counted(tmp_path):
    record_drives(tmp_path / "set", [6])
    spoil(tmp_path / "set", 0, 2, "action", [1.4, 0.2])
    frames = read_frames(EpisodeDataset(tmp_path / "set"), dataclasses.replace(SMALL, task="LaneFollow"))
    assert frames.saturation(SMALL.action_names) == {"steering": 1}


def test_a_state_that_nobody_can_name_is_refused(tmp_path):
    record_drives(tmp_path / "set", [6])
    heads = HeadsConfig(state=2)
    with pytest.raises(DatasetError, match="has a state of 2 numbers, but its task 'Mine' is not registered"):
        recorded(EpisodeDataset(tmp_path / "set"), dataclasses.replace(SMALL, heads=heads, task="Mine"))
    with pytest.raises(DatasetError, match=r"has no observation\.state named last_steering, last_throttle"):
        recorded(EpisodeDataset(tmp_path / "set"), dataclasses.replace(SMALL, heads=heads, task="LaneFollow"))


@pytest.mark.slow
def test_genuine_recordings_of_an_arm_are_read_in_their_own_units():
    root = genuine("so101/lift")
    dataset, few = EpisodeDataset(root), EpisodeDataset(root, [3, 4])
    actions, state = recorded(dataset, arm_config("Lift")).read(dataset.episode(3))
    assert state is not None and np.isfinite(actions).all() and np.abs(actions).max() <= 1
    assert (np.abs(actions) < 0.02).mean() > 0.4 and (np.abs(actions) == 1).mean() < 0.05
    assert np.abs(state[:, :6]).max() < 2 and np.array_equal(state[:, 6:][0], np.zeros(6))
    again, _ = recorded(few, arm_config("Lift")).read(few.episode(0))
    assert np.array_equal(actions, again)
