"""A single world as a gymnasium.Env, for checkers, wrappers and inspection."""

from typing import Any

import gymnasium
import numpy as np

from envs.batch_env import BatchEnv
from envs.errors import InputError
from envs.registry import make_task


class SingleEnv(gymnasium.Env):
    """A BatchEnv of one world that stops at the end of an episode.

    Args:
        batch: environment with one world.
        render_mode: `rgb_array` or None.
    """

    def __init__(self, batch: BatchEnv, render_mode: str | None = None) -> None:
        modes = ["rgb_array"] if any(key.startswith("images.") for key in batch.keys) else []
        self.metadata = {"render_modes": modes, "render_fps": batch.metadata["render_fps"]}
        if render_mode not in (None, *modes):
            raise InputError(f"render_mode {render_mode!r} is not one of {', '.join(modes) or 'None'}")
        self.render_mode, self.batch = render_mode, batch
        self.observation_space, self.action_space = batch.single_observation_space, batch.single_action_space
        self._picture = np.zeros(0)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        observation, _ = self.batch.reset(seed=seed)
        return self._seen({key: value[0] for key, value in observation.items()}), self._info()

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict]:
        extra: dict[str, Any] = self._info()  # of this episode: the batch may start the next one
        observation, reward, terminated, truncated, info = self.batch.step(np.asarray(action)[None])
        last = {key: value[0] for key, value in observation.items()}
        if "final_obs" in info:
            last = info["final_obs"][0]
            extra["success"] = bool(info["final_info"]["success"][0])
        return self._seen(last), float(reward[0]), bool(terminated[0]), bool(truncated[0]), extra

    def _info(self) -> dict:
        return {"parameters": self.batch.episode_parameters(0)}

    def _seen(self, observation: dict) -> dict:
        for key, value in observation.items():
            if key.startswith("images."):
                self._picture = value.copy()
                break
        return observation

    def render(self) -> np.ndarray | None:
        """Return the last frame (H, W, 3) uint8 RGB of the first camera."""
        return self._picture.copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        self.batch.close()


def make_single(task: str, render_mode: str | None = None, split: str = "train", **options: Any) -> SingleEnv:
    """Make one world of a registered task, for gymnasium.make; options are those of BatchEnv."""
    return SingleEnv(BatchEnv(make_task(task, split), 1, threads=1, **options), render_mode)


def make_vector(task: str, num_envs: int = 1, split: str = "train", **options: Any) -> BatchEnv:
    """Make many worlds of a registered task, for gymnasium.make_vec; options are those of BatchEnv."""
    return BatchEnv(make_task(task, split), num_envs, **options)
