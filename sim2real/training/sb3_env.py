"""Adapter of a gymnasium VectorEnv to Stable-Baselines3, with one observation key or all of them."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices


class SB3Env(VecEnv):
    """Adapter from a SAME_STEP VectorEnv to an SB3 VecEnv; arrays pass through without a loop over worlds.

    Args:
        env: environment with a Dict observation space.
        key: the observation to pass as a plain array; None: the complete dict, with dots in keys replaced by
            underscores, since torch modules cannot have dots in their names.
        every_reset: seed with which every reset starts the same episodes, for comparable evaluations; None: episodes
            continue the random streams, for training.
    """

    def __init__(self, env: gymnasium.vector.VectorEnv, key: str | None = None, every_reset: int | None = None) -> None:
        self.env, self._key, self._every_reset = env, key, every_reset
        space = env.single_observation_space
        assert isinstance(space, gymnasium.spaces.Dict)
        if key is not None:
            space = space[key]
        else:
            space = gymnasium.spaces.Dict({name.replace(".", "_"): sub for name, sub in space.items()})
        super().__init__(env.num_envs, space, env.single_action_space)
        self._returns, self._lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, int)
        self._actions = np.zeros(0)
        self._first_seed: int | None = None

    def _pick(self, observation: dict) -> Any:
        if self._key is not None:
            return observation[self._key]
        return {name.replace(".", "_"): value for name, value in observation.items()}

    def reset(self) -> Any:
        observation, _ = self.env.reset(seed=self._every_reset if self._first_seed is None else self._first_seed)
        self._first_seed = None
        self._returns[:], self._lengths[:] = 0, 0
        return self._pick(observation)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        self._first_seed = seed
        return [None if seed is None else seed + i for i in range(self.num_envs)]

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict]]:
        observation, reward, terminated, truncated, info = self.env.step(self._actions)
        self._returns += reward
        self._lengths += 1
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        ended = terminated | truncated
        for i in np.flatnonzero(ended):
            infos[i] = {
                "terminal_observation": self._pick(info["final_obs"][i]),
                "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
                "is_success": bool(info["final_info"]["success"][i]),
                "episode": {"r": float(self._returns[i]), "l": int(self._lengths[i])},
            }
        self._returns[ended], self._lengths[ended] = 0, 0
        return self._pick(observation), reward, ended, infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.env, attr_name, None)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        return [getattr(self.env, method_name)(*args, **kwargs)] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        return [isinstance(self.env, wrapper_class)] * len(list(self._get_indices(indices)))
