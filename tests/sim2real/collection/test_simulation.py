# pyright: reportAttributeAccessIssue=false
"""Simulated recordings: what they hold; lived through again bit for bit, or it is said what differs."""

import json
import shutil
from pathlib import Path

import mujoco
import numpy as np
import pytest

from drives import record_drives, spoil
from envs import make_task, task_names
from relist import relist
from sim2real.collection.simulation import SimulatedRecording, record_in_simulation
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.recordings.origin import ACTION, INFO, STATE, Origin
from sim2real.replays.exact_replay import ExactReplay, replay_exactly

JOINTS = slice(1, 7)  # of an integration state: time, then the arm's joints


def recorded(root: Path, task: str = "Reach", **settings) -> Origin:
    settings = {"episodes": 2, "images": False, "randomization": "default"} | settings
    return record_in_simulation(root, SimulatedRecording(task, **settings))[0]


def again(root: Path, k: int = 0) -> ExactReplay:
    return replay_exactly(EpisodeDataset(root), k)


def rewrite(root: Path, **changed: object) -> None:
    path = root / INFO
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    relist(root)


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("simulated") / "reach"
    recorded(root)
    return root


@pytest.fixture
def copy(reach: Path, tmp_path: Path) -> Path:
    """Of `reach`, to be spoilt."""
    return Path(shutil.copytree(reach, tmp_path / "copy"))


@pytest.mark.slow
@pytest.mark.parametrize("task", [*task_names(), "Reach:absolute"])
def test_every_state_of_every_task_is_reproduced_bit_for_bit(task, tmp_path):
    origin = recorded(tmp_path / "set", task)
    for k in range(2):
        result = again(tmp_path / "set", k)
        states = len(result.recorded)
        assert result.verdict == f"every one of {states} states identical, bit for bit" and not result.changed
        assert result.recorded.tobytes() == result.replayed.tobytes() and len(result.recorded) > 20
        # It was worth comparing: the worlds moved, and the state is all of MuJoCo's.
        assert np.ptp(result.recorded[:, result.positions], axis=0).max() > 0.05
        assert result.task == task and result.success == origin.success[k]


def test_the_state_is_the_full_integration_state(reach):
    result = again(reach)
    model = make_task("Reach", "recording").model
    assert result.recorded.shape[1] == mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)
    assert mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_HISTORY) > 0  # servos remember their commands
    assert result.names == tuple(model.joint(j).name for j in range(model.njnt))


def test_episodes_have_their_own_seeds_draws_and_the_units_of_the_robot(reach):
    origin, dataset = Origin.read(reach), EpisodeDataset(reach)
    assert origin is not None and origin.seeds == (origin.seeds[0], origin.seeds[0] + 1)
    assert len(set(dataset.sessions)) == 2 and None not in dataset.sessions
    assert origin.drawn[0].keys() == origin.drawn[1].keys() and origin.drawn[0] != origin.drawn[1]
    assert origin.mujoco == mujoco.__version__ and len(origin.model) == 64
    episode = dataset.episode(0)
    degrees = np.rad2deg(episode[STATE][:, JOINTS])
    assert np.allclose(episode["observation.state"][:, :5], degrees[:, :5], atol=1e-4)
    assert dataset.features["action"].names == tuple(f"{name}.pos" for name in dataset.features[ACTION].names or ())
    assert dataset.info["robot_type"] == "sim2real_so101"
    # A target is never farther ahead than an action's step from the one before it.
    assert np.abs(np.diff(episode["action"][:, :5], axis=0)).max() <= np.rad2deg(0.06) + 1e-3


@pytest.mark.slow
def test_frames_change_nothing(tmp_path, reach):
    recorded(tmp_path / "seen", images=True)
    seen, blind = (EpisodeDataset(root).episode(1) for root in (tmp_path / "seen", reach))
    assert np.array_equal(seen[STATE], blind[STATE]) and np.array_equal(seen["action"], blind["action"])
    frames = seen.images("observation.images.front")
    assert frames.shape[1:] == (120, 160, 3) and frames.std() > 10


@pytest.mark.slow
def test_more_episodes_than_fit_side_by_side(tmp_path):
    recorded(tmp_path / "many", episodes=17)
    assert len(EpisodeDataset(tmp_path / "many")) == 17 and again(tmp_path / "many", 16).same.all()


def test_one_bit_is_noticed(copy):
    state = EpisodeDataset(copy).episode(0)[STATE][12].copy()
    state[3] = np.nextafter(state[3], 9)
    spoil(copy, 0, 12, STATE, state.tolist())
    result = again(copy)
    assert np.flatnonzero(~result.same).tolist() == [12] and not result.passed
    assert result.verdict.startswith("1 of 90 states differ, from frame 12 on, by at most ")


def test_another_action_shows_from_the_next_state_on(copy):
    action = EpisodeDataset(copy).episode(0)[ACTION][30]
    spoil(copy, 0, 30, ACTION, (-action).tolist())
    result = again(copy)
    assert result.same[:31].all() and not result.same[31:].any() and result.difference.max() > 1e-3
    assert not result.passed


def test_another_seed_is_another_episode(copy):
    episodes = json.loads((copy / INFO).read_text())["episodes"]
    episodes[0]["seed"] += 1
    rewrite(copy, episodes=episodes)
    assert not again(copy).same.any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"mujoco": "3.9.0"}, "recorded with MuJoCo 3.9.0, this is"),
        ({"model_sha256": "0" * 64}, "model of Reach has changed"),
    ],
)
def test_what_changed_since_is_said_and_a_tolerance_holds_then(copy, changed, expected):
    rewrite(copy, **changed)
    result = again(copy)
    assert expected in result.changed and result.passed
    state = EpisodeDataset(copy).episode(0)[STATE][12].copy()
    for difference, passes in ((1e-9, True), (1e-3, False)):
        state[3] += difference
        spoil(copy, 0, 12, STATE, state.tolist())
        result = again(copy)
        assert result.passed == passes and ("within" if passes else "beyond") + " the tolerance" in result.verdict


def test_recordings_that_cannot_be_lived_through_again(copy, tmp_path):
    record_drives(tmp_path / "drive", [4])
    assert Origin.read(tmp_path / "drive") is None
    with pytest.raises(DatasetError, match=r"was not recorded in simulation: it has no sim\.state"):
        again(tmp_path / "drive")
    state = EpisodeDataset(copy).episode(0)[STATE][5].tolist()
    spoil(copy, 0, 5, STATE, [float("nan"), *state[1:]])
    with pytest.raises(DatasetError, match="frame 5 of episode 0 has a value that is not finite"):
        again(copy)
    for changed, message in (
        ({"episodes": []}, "has 0 episodes, but not episode 1"),
        ({"task": "Lift"}, "does not fit this version: it has 1015 numbers a state, Lift has"),
        ({"task": "Fly"}, "no task 'Fly'"),
        ({"randomization": 3}, "damaged"),
        ({"format_version": 2}, "version 2, this program reads 1"),
    ):
        before = (copy / INFO).read_text()
        rewrite(copy, **changed)
        with pytest.raises(ValueError, match=message):
            again(copy, 1)
        (copy / INFO).write_text(before)
        relist(copy)


def test_an_interrupted_recording_leaves_nothing(tmp_path):
    def act(observation):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_in_simulation(tmp_path / "set", SimulatedRecording("Reach", 1, images=False), act)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_recorded(tmp_path):
    with pytest.raises(ValueError, match="episodes must be at least 1, not 0"):
        SimulatedRecording("Reach", 0)
    with pytest.raises(ValueError, match="seed must be at least 0, not -1"):
        SimulatedRecording("Reach", 1, -1)
    with pytest.raises(ValueError, match="no task 'Fly'"):
        recorded(tmp_path / "a", "Fly")
    with pytest.raises(ValueError, match="no randomization 'wild'"):
        recorded(tmp_path / "a", randomization="wild")
    assert not list(tmp_path.iterdir())
