# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The adapter to Stable-Baselines3: ends of episodes as SB3 expects them, observations by key."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from stable_baselines3.common.evaluation import evaluate_policy

from envs import BatchEnv, LaneFollow
from sim2real.training.sb3_env import SB3Env

TERMINATED, TRUNCATED, BOTH = range(3)


class Counting(gymnasium.vector.VectorEnv):
    """Worlds that observe their step and number; world i ends every i + 2 steps in the way of its number."""

    def __init__(self) -> None:
        self.num_envs = 3
        self.single_observation_space = spaces.Dict(
            {"images.front": spaces.Box(0, 255, (4, 5, 3), np.uint8), "state": spaces.Box(-99, 99, (2,), np.float32)}
        )
        self.single_action_space = spaces.Box(-1, 1, (1,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, 3)
        self.action_space = batch_space(self.single_action_space, 3)
        self.worlds, self.steps, self.seeds = np.arange(3), np.zeros(3, int), []

    def _observe(self) -> dict[str, np.ndarray]:
        state = np.stack([self.steps, self.worlds], 1).astype(np.float32)
        return {"images.front": np.zeros((3, 4, 5, 3), np.uint8), "state": state}

    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple[dict, dict]:
        self.seeds.append(seed)
        self.steps[:] = 0
        return self._observe(), {}

    def step(self, actions: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray, dict]:
        self.steps += 1
        ended, last = self.steps == self.worlds + 2, self._observe()
        terminated = ended & np.isin(self.worlds, (TERMINATED, BOTH))
        truncated = ended & np.isin(self.worlds, (TRUNCATED, BOTH))
        info = {}
        if ended.any():
            final = np.full(3, None, object)
            for i in np.flatnonzero(ended):
                final[i] = {key: value[i] for key, value in last.items()}
            info = {"final_obs": final, "final_info": {"success": self.worlds == TRUNCATED}}
        self.steps[ended] = 0
        return self._observe(), (actions[:, 0] + 1).astype(np.float32), terminated, truncated, info


def test_the_end_of_an_episode_is_told_as_sb3_has_it():
    env = SB3Env(Counting(), "state")
    np.testing.assert_array_equal(env.reset(), [[0, 0], [0, 1], [0, 2]])
    ends: dict[int, list[dict]] = {0: [], 1: [], 2: []}
    for step in range(1, 13):
        observation, reward, done, infos = env.step(np.full((3, 1), 0.5, np.float32))
        np.testing.assert_array_equal(observation[:, 0], step % np.array([2, 3, 4]))  # of the next episode already
        np.testing.assert_array_equal(done, observation[:, 0] == 0)
        np.testing.assert_allclose(reward, 1.5)
        for i in range(3):
            assert bool(infos[i]) == done[i]
            if done[i]:
                ends[i].append(infos[i])
                np.testing.assert_array_equal(infos[i]["terminal_observation"], [i + 2, i])
    assert [len(ends[i]) for i in range(3)] == [6, 4, 3]
    for world, infos in ends.items():
        for info in infos:
            # SB3 adds the value of what would have come only if the time limit alone ended the episode.
            assert info["TimeLimit.truncated"] is (world == TRUNCATED)
            assert info["is_success"] is (world == TRUNCATED)
            assert info["episode"] == {"r": pytest.approx(1.5 * (world + 2)), "l": world + 2}


def test_a_key_picks_one_observation_and_none_gives_all_under_names_that_torch_takes():
    single, every = SB3Env(Counting(), "images.front"), SB3Env(Counting())
    assert single.observation_space == spaces.Box(0, 255, (4, 5, 3), np.uint8)
    assert single.reset().shape == (3, 4, 5, 3)
    assert isinstance(every.observation_space, spaces.Dict)
    assert set(every.observation_space.spaces) == {"images_front", "state"}
    assert {name: value.shape for name, value in every.reset().items()} == {
        "images_front": (3, 4, 5, 3),
        "state": (3, 2),
    }
    every.step(np.zeros((3, 1), np.float32))
    *_, infos = every.step(np.zeros((3, 1), np.float32))
    np.testing.assert_array_equal(infos[0]["terminal_observation"]["state"], [2, 0])
    assert infos[0]["terminal_observation"]["images_front"].shape == (4, 5, 3)


def test_evaluations_meet_the_same_episodes_after_every_reset():
    env = SB3Env(Counting(), "state", every_reset=70)
    env.reset()
    env.reset()
    assert env.env.seeds == [70, 70]


def test_a_seed_counts_for_the_next_reset_alone():
    env = SB3Env(Counting(), "state")
    assert env.seed(5) == [5, 6, 7]
    env.reset()
    env.reset()
    assert env.env.seeds == [5, None]


def test_a_reset_begins_new_returns():
    env = SB3Env(Counting(), "state")
    for _ in range(2):
        env.reset()
        *_, infos = [env.step(np.zeros((3, 1), np.float32)) for _ in range(2)][-1]
        assert infos[0]["episode"] == {"r": 2.0, "l": 2}


def test_attributes_and_methods_are_the_worlds(lane: LaneFollow):
    env = SB3Env(BatchEnv(lane, 3, observations=("privileged",)), "privileged")
    assert env.get_attr("num_envs") == [3, 3, 3] and env.get_attr("num_envs", [0, 2]) == [3, 3]
    assert env.get_attr("nothing of the kind") == [None] * 3
    assert [len(names) for names in env.env_method("privileged", indices=1)] == [3]
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False] * 3
    env.close()


def test_lane_follow_through_the_adapter_is_lane_follow(lane: LaneFollow):
    env = SB3Env(BatchEnv(lane, 4, randomization="default", observations=("state", "privileged")), "privileged")
    plain = BatchEnv(LaneFollow(lane.config), 4, randomization="default", observations=("state", "privileged"))
    env.seed(7)
    np.testing.assert_array_equal(env.reset(), plain.reset(seed=7)[0]["privileged"])
    random, ends = np.random.default_rng(0), 0
    returns, lengths = np.zeros(4), np.zeros(4, int)
    for _ in range(100):
        action = random.uniform((-1, 0), 1, (4, 2)).astype(np.float32)
        observation, reward, done, infos = env.step(action)
        wanted, same_reward, terminated, truncated, info = plain.step(action)
        np.testing.assert_array_equal(observation, wanted["privileged"])
        np.testing.assert_array_equal(reward, same_reward)
        np.testing.assert_array_equal(done, terminated | truncated)
        returns, lengths = returns + reward, lengths + 1
        for i in np.flatnonzero(done):
            last = info["final_obs"][i]["privileged"]
            np.testing.assert_array_equal(infos[i]["terminal_observation"], last)
            assert not np.array_equal(last, observation[i])
            assert infos[i]["is_success"] == info["final_info"]["success"][i]
            assert infos[i]["episode"] == {"r": pytest.approx(returns[i]), "l": lengths[i]}
            returns[i], lengths[i], ends = 0, 0, ends + 1
    assert ends > 2
    env.close()
    plain.close()


def test_sb3_evaluates_a_policy_in_it(lane: LaneFollow):
    class Still:
        def predict(self, observation: np.ndarray, *_: Any, **__: Any) -> tuple[np.ndarray, None]:
            return np.zeros((len(observation), 2), np.float32), None

    env = SB3Env(BatchEnv(lane, 2, observations=("privileged",)), "privileged")
    returns, lengths = evaluate_policy(Still(), env, 2, return_episode_rewards=True, warn=False)
    assert len(returns) == 2 and max(lengths) <= 600
    env.close()
