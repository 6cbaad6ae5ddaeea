# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""Recording the rehearsal car and driving on it: true frames, faithful actions, the same episodes for everyone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from envs import BatchEnv, LaneFollow, make_task, registry
from envs.lane_follow.task import REHEARSAL
from policies import Policy
from sim2real.collection import rehearsal as recording
from sim2real.collection.config import RecordConfig
from sim2real.collection.rehearsal import record_on_rehearsal
from sim2real.datasets import EpisodeDataset
from sim2real.datasets.inspection import inspect
from sim2real.errors import InputError
from sim2real.evaluation.rehearsal import evaluate_on_rehearsal
from sim2real.evaluation.simulation import TEST_SEED, run_episodes
from sim2real.rehearsal.driver import RehearsalDriver
from sim2real.rehearsal.preset import PRESET
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

torch.set_num_threads(1)
FRONT = "observation.images.front"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def small_policy(seed: int = 0) -> Policy:
    torch.manual_seed(seed)
    return Policy(policy_config(make_task("LaneFollow").spec, PretrainConfig("LaneFollow", width=4)))


@pytest.mark.slow
def test_the_driver_keeps_to_the_road_of_the_rehearsal_car_but_not_to_its_middle():
    task = make_task("LaneFollow", "rehearsal")
    env = BatchEnv(task, 60, randomization=PRESET, observations=("state",))
    driver, seen, actions = RehearsalDriver(task, np.arange(60)), [], []

    def act(_: object) -> np.ndarray:
        seen.append(task.offset.copy())
        actions.append(driver.act())
        return actions[-1]

    episodes = run_episodes(env, act)
    env.close()
    assert episodes.success.mean() >= 0.9
    aside, steering = np.abs(seen), np.array(actions)[..., 0]
    assert (aside > 0.12).mean() > 0.05 and (aside > 0.17).mean() > 0.005  # m; the road ends at 0.25
    assert np.abs(steering).max() <= 1 and 0.05 < (steering == 0).mean() < 0.5  # a stick with a dead zone
    held = (np.diff(steering, axis=0) == 0).mean()
    assert 0.4 < held < 0.8  # jerks


def test_a_drivers_faults_are_those_of_his_seed(lane: LaneFollow):
    def drive(seeds: list[int]) -> np.ndarray:
        env = BatchEnv(LaneFollow(lane.config), len(seeds), randomization=PRESET, observations=("state",))
        env.reset(seed=seeds)
        driver, actions = RehearsalDriver(env.task, np.array(seeds)), []  # type: ignore[arg-type]
        for _ in range(40):
            actions.append(driver.act())
            env.step(actions[-1])
        env.close()
        return np.array(actions)

    together = drive([5, 6, 7])
    np.testing.assert_array_equal(drive([6])[:, 0], together[:, 1])
    assert np.abs(together[:, 0] - together[:, 1]).max() > 0.05


@pytest.mark.slow
def test_a_recording_is_a_sound_dataset_of_whole_frames(tmp_path: Path):
    assert record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=2, seconds=1.0)).lengths == (20, 20)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    dataset = EpisodeDataset(tmp_path / "set")
    assert dataset.lengths.tolist() == [20, 20] and dataset.fps == 20 and set(dataset.tasks) == {"follow the road"}
    assert dataset.features[FRONT].shape == (120, 160, 3) and dataset.cameras == (FRONT,)
    assert dataset.features["action"].names == ("steering", "throttle")
    assert not any(inspect(dataset)["truth"].values())


@pytest.mark.slow
def test_frame_state_action_and_time_belong_together(tmp_path: Path):
    """Against the car driven once more with the recorded actions."""
    config = RecordConfig(episodes=2, seconds=1.0, seed=3)
    record_on_rehearsal(tmp_path / "set", config)
    episodes = list(EpisodeDataset(tmp_path / "set"))
    env = BatchEnv(make_task("LaneFollow", "recording"), 2, randomization=PRESET)
    observation, _ = env.reset(seed=3)
    frames = []
    for k in range(20):
        frames.append(observation["images.front"].astype(int))
        for i, episode in enumerate(episodes):
            np.testing.assert_array_equal(episode["observation.state"][k], observation["state"][i])
            assert episode["timestamp"][k] == pytest.approx(k / 20)
        observation, *_ = env.step(np.stack([episode["action"][k] for episode in episodes]))
    env.close()
    for i, episode in enumerate(episodes):
        np.testing.assert_array_equal(episode["observation.state"][1:], episode["action"][:-1])
        recorded = episode[FRONT].astype(int)
        for k in (5, 10, 19):
            off = [np.abs(recorded[k] - frames[j][i]).mean() for j in range(20)]
            assert np.argmin(off) == k and off[k] < 4  # grey levels, of JPEG


@pytest.mark.slow
def test_the_same_recording_gives_the_same_bytes_whatever_is_recorded_beside(
    tmp_path: Path, short_lane: str, monkeypatch: pytest.MonkeyPatch
):
    record_on_rehearsal(tmp_path / "one", RecordConfig(episodes=3, seconds=0.5))
    record_on_rehearsal(tmp_path / "again", RecordConfig(episodes=3, seconds=0.5))
    record_on_rehearsal(tmp_path / "other", RecordConfig(episodes=3, seconds=0.5, seed=8))
    monkeypatch.setattr(recording, "SIDE_BY_SIDE", 2)
    said: list[tuple[int, int]] = []
    record_on_rehearsal(
        tmp_path / "parts", RecordConfig(episodes=3, seconds=0.5), lambda done, total, *_: said.append((done, total))
    )
    first = files(tmp_path / "one")
    assert files(tmp_path / "again") == first == files(tmp_path / "parts") and files(tmp_path / "other") != first
    assert said[0] == (2, 40) and said[-1] == (40, 40) and said == sorted(said)


def test_a_car_that_gets_lost_ends_its_episode(tmp_path: Path, short_lane: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(RehearsalDriver, "act", lambda self: np.tile([1.0, 0.4], (len(self._everyone), 1)))
    lengths = record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=3, seconds=2.0)).lengths
    assert all(5 < length < 40 for length in lengths)
    assert EpisodeDataset(tmp_path / "set").lengths.tolist() == list(lengths)


def test_an_interrupted_recording_leaves_nothing(tmp_path: Path, short_lane: str):
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=2, seconds=0.5), interrupt)
    assert not list(tmp_path.iterdir())
    record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=2, seconds=0.5))
    before = files(tmp_path / "set")
    with pytest.raises(InputError, match="set exists: choose another destination"):
        record_on_rehearsal(tmp_path / "set", RecordConfig(episodes=2, seconds=0.5))
    assert files(tmp_path / "set") == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"episodes": 0}, "episodes must be at least 1, not 0"),
        ({"seconds": 0.0}, "seconds must be from 0.1 to 120, not 0"),
        ({"seconds": float("nan")}, "seconds must be from 0.1 to 120, not nan"),
        ({"seconds": 200.0}, "seconds must be from 0.1 to 120, not 200"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_a_recording_that_cannot_be(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        RecordConfig(**settings)


@pytest.mark.slow
def test_every_policy_meets_the_same_episodes(short_lane: str):
    said: list[tuple[int, int]] = []
    first, other = small_policy(0), small_policy(1)
    evaluated = evaluate_on_rehearsal([first, other, first], 3, progress=lambda *now: said.append(now))
    assert [len(episodes.seeds) for episodes in evaluated] == [3, 3, 3] and evaluated[0].seeds[0] == TEST_SEED
    for name in ("seeds", "success", "failed", "steps", "returns"):
        np.testing.assert_array_equal(getattr(evaluated[0], name), getattr(evaluated[2], name))
    assert (evaluated[0].returns != evaluated[1].returns).all()
    assert said == sorted(said) and said[-1][1] == 120
    alone = evaluate_on_rehearsal([other], 2, TEST_SEED + 1)[0]  # by seed alone
    np.testing.assert_allclose(alone.returns, evaluated[1].returns[1:])


@pytest.mark.slow
def test_policies_get_the_whole_frame_on_the_rehearsal_split(monkeypatch: pytest.MonkeyPatch):
    splits: list[str] = []

    def factory(split: str) -> LaneFollow:
        splits.append(split)
        return LaneFollow(replace(REHEARSAL, layouts=2, episode_seconds=0.3))

    policy, seen = small_policy(), []
    monkeypatch.setitem(registry._FACTORIES, "LaneFollow", factory)
    act = policy.act
    monkeypatch.setattr(policy, "act", lambda observation: seen.append(observation["images.front"]) or act(observation))
    evaluate_on_rehearsal([policy], 2)
    assert splits == ["rehearsal"] and {frames.shape for frames in seen} == {(2, 120, 160, 3)}


def test_an_evaluation_that_cannot_be(short_lane: str):
    with pytest.raises(ValueError, match="episodes must be at least 1, not 0"):
        evaluate_on_rehearsal([small_policy()], 0)
    with pytest.raises(ValueError, match="policies of one task can be compared, not of: none"):
        evaluate_on_rehearsal([], 2)
    other = Policy(replace(small_policy().config, task="Lift"))
    with pytest.raises(ValueError, match="not of: LaneFollow, Lift"):
        evaluate_on_rehearsal([small_policy(), other], 2)
