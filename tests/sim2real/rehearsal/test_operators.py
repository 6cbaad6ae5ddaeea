# pyright: reportAttributeAccessIssue=false
"""Who demonstrates on the rehearsal robot: by himself, or a trained teacher with a person's faults."""

from pathlib import Path

import numpy as np
import pytest

from envs import BatchEnv, make_task
from sim2real.collection import rehearsal as recording
from sim2real.collection.config import RecordConfig
from sim2real.collection.rehearsal import record_on_rehearsal
from sim2real.datasets import EpisodeDataset
from sim2real.rehearsal.operators import HABITS, PAUSE_STEPS, TeacherOperator, habit_of, words_for

REACH = {"task": "Reach", "seconds": 0.5}


def still(privileged: np.ndarray) -> np.ndarray:
    """A teacher that has learned to do nothing."""
    return np.zeros((len(privileged), 6), np.float32)


@pytest.fixture(scope="module")
def env() -> BatchEnv:
    return BatchEnv(make_task("Reach", "recording"), 4, randomization="rehearsal", observations=("state",))


def actions(env: BatchEnv, seeds: list[int], steps: int = 200) -> np.ndarray:
    """(steps, n, 6) of a teacher that always wants 0.5; who rests does -0.9."""
    operator = TeacherOperator(env, np.array(seeds), lambda privileged: np.full((len(seeds), 6), 0.5))
    return np.array([operator(np.full((len(seeds), 6), -0.9)) for _ in range(steps)])


def test_his_hand_shakes_about_what_he_wants_and_rests_now_and_then(env: BatchEnv):
    env.reset(seed=0)
    done = actions(env, [1, 2, 3, 4], 1000)
    resting = (done == -0.9).all(-1)
    assert 0.02 < resting.mean() < 0.2
    lengths = np.diff(np.flatnonzero(np.diff(resting[:, 0].astype(int))))[::2]
    assert lengths.min() >= PAUSE_STEPS[0] - 1
    moving = done[~resting]
    assert moving.mean() == pytest.approx(0.5, abs=0.02) and 0.05 < moving.std() < 0.12
    assert np.abs(done).max() <= 1


def test_his_faults_are_those_of_his_seed(env: BatchEnv):
    env.reset(seed=0)
    together = actions(env, [5, 6, 7, 8])
    np.testing.assert_array_equal(actions(env, [8, 6, 5, 7])[:, 1], together[:, 1])
    assert np.abs(together[:, 0] - together[:, 1]).max() > 0.1


def test_between_two_looks_he_goes_on_with_what_he_saw(env: BatchEnv):
    env.reset(seed=0)
    count = iter(range(1000))
    operator = TeacherOperator(env, np.arange(4), lambda privileged: np.full((4, 6), next(count) / 1000))
    wanted = np.array([(operator(np.zeros((4, 6))), operator._wanted.copy())[1] for _ in range(300)])
    held = (np.diff(wanted[:, :, 0], axis=0) == 0).mean()
    assert 0.2 < held < 0.6


def test_who_does_what():
    assert habit_of("LaneFollow", None) is HABITS["LaneFollow"] and HABITS["LaneFollow"].keeps_failures
    assert not habit_of("LaneFollow", still).keeps_failures
    for task in ("Reach", "Reach:absolute"):
        with pytest.raises(ValueError, match=f"recording {task} on the rehearsal robot needs a teacher: .* --teacher"):
            habit_of(task, None)
    assert words_for("Reach:absolute") == words_for("Reach") == "touch the ball" and words_for("Toy") == "Toy"


@pytest.mark.slow
def test_failures_are_recorded_anew_unless_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording, "SIDE_BY_SIDE", 2)
    monkeypatch.setattr(recording, "PATIENCE", 1)
    with pytest.raises(ValueError, match=r"operator of Reach succeeded in only 0 of \d+ .* --keep-failed"):
        record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=2, **REACH), teacher=still)
    assert not list(tmp_path.iterdir())
    result = record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=2, keep_failed=True, **REACH), teacher=still)
    assert (result.lengths, result.tried, result.successes, result.full_length) == ((15, 15), 2, 0, False)


@pytest.mark.slow
def test_an_arms_recording_has_its_targets_and_positions_in_degrees(tmp_path: Path):
    """Against the arm moved once more as it was recorded."""

    def wave(privileged: np.ndarray) -> np.ndarray:
        return np.tile([0.8, -0.5, 0.5, 0.0, 1.0, 0.6], (len(privileged), 1)).astype(np.float32)

    record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=2, seed=9, keep_failed=True, **REACH), teacher=wave)
    dataset = EpisodeDataset(tmp_path / "set")
    assert (
        dataset.fps == 30
        and dataset.info["robot_type"] == "sim2real_so101"
        and set(dataset.tasks) == {"touch the ball"}
    )
    joints = dataset.features["action"].names
    assert (
        joints == dataset.features["observation.state"].names and joints is not None and joints[0] == "shoulder_pan.pos"
    )
    assert dataset.features["observation.images.front"].shape == (120, 160, 3)
    task = make_task("Reach", "recording")
    env = BatchEnv(task, 2, randomization="rehearsal")
    env.reset(seed=[9, 10])
    for k in range(15):
        for i, episode in enumerate(dataset):
            state, target = episode["observation.state"][k], episode["action"][k]
            np.testing.assert_allclose(np.radians(state[:5]), task.world.position[i, :5], atol=1e-6)
            lower, upper = task.control.lower[5], task.control.upper[5]
            np.testing.assert_allclose(lower + state[5] / 100 * (upper - lower), task.world.position[i, 5], atol=1e-6)
            task.world.target[i, :5], task.world.target[i, 5] = (
                np.radians(target[:5]),
                lower + target[5] / 100 * (upper - lower),
            )
        env.step(np.zeros((2, 6)))  # the target stays where it was just put
    env.close()
