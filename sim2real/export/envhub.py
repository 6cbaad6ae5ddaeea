"""Tasks as LeRobot's environments (EnvHub): a robot's camera, joints and joint targets, in a dataset's units."""

from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from envs import make_task
from sim2real.rehearsal.operators import words_for
from sim2real.rehearsal.preset import PRESET
from sim2real.rehearsal.robot import SimulatedRobot
from sim2real.robots.boundary import JointBoundary

_SEEDS = 2**31


class RobotEnv(gymnasium.Env):
    """An episode of the rehearsal robot of a task, as LeRobot sees a robot.

    Observations have `pixels.<camera>` (H, W, 3) uint8 and `agent_pos` (S,) float32; an action (A,) is the robot's
    command. Both are as `sim2real record` writes them: of arms in degrees, the gripper in 0…100.

    Args:
        task: name of a registered task.
        camera: name of its camera.
        randomization: preset of the task that makes the robot and its world.

    Raises:
        InputError: an unknown task, camera or preset.
    """

    def __init__(self, task: str, camera: str, randomization: str = PRESET) -> None:
        self._robot = SimulatedRobot(make_task(task, "rehearsal"), (camera,), randomization=randomization)
        self._camera, self.task, self.task_description = camera, task, words_for(task)
        self._max_episode_steps = self._robot.steps_at_most  # by this name LeRobot asks for it
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / self._robot.control_dt)}
        self.render_mode = "rgb_array"
        seen, limits, boundary = self._observe(), self._robot.boundary.limits, self._robot.boundary
        frame, state = seen["pixels"][camera], seen["agent_pos"]
        box = spaces.Box(-np.inf, np.inf, state.shape, np.float32)
        self.observation_space = spaces.Dict(
            {"pixels": spaces.Dict({camera: spaces.Box(0, 255, frame.shape, np.uint8)}), "agent_pos": box}
        )
        self.action_space = spaces.Box(boundary.to_log(limits.lower), boundary.to_log(limits.upper), dtype=np.float32)

    def _observe(self) -> dict[str, Any]:
        seen = self._robot.observe()
        self._frame = seen[f"images.{self._camera}"]
        return {"pixels": {self._camera: self._frame}, "agent_pos": self._robot.boundary.to_log(seen["state"])}

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict[str, Any], dict]:
        """Begin the episode of a seed; without one, any episode."""
        super().reset(seed=seed)
        self._robot.reset(int(self.np_random.integers(_SEEDS)) if seed is None else seed)
        return self._observe(), {"is_success": False}

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict]:
        """Command the robot until its next observation; `is_success` in the info once the episode ended."""
        boundary, before = self._robot.boundary, self._robot.reward
        radians = isinstance(boundary, JointBoundary)
        self._robot.command(boundary.units.to_radians(action) if radians else np.asarray(action, float))
        seen, ended = self._observe(), self._robot.outcome()
        truncated = ended is not None and not self._robot.terminated
        return seen, self._robot.reward - before, self._robot.terminated, truncated, {"is_success": ended == "success"}

    def render(self) -> np.ndarray:
        """Return the latest frame (H, W, 3) uint8 RGB."""
        return self._frame

    def close(self) -> None:
        """Stop the rendering threads."""
        self._robot.close()


def vector_env(task: str, camera: str, worlds: int, processes: bool) -> dict[str, dict[int, VectorEnv]]:
    """Return worlds of a task, by suite and number of the task, as LeRobot expects of `make_env`.

    Args:
        processes: a process for each world, where there are several.
    """
    made = [partial(RobotEnv, task, camera)] * worlds
    mode = AutoresetMode.SAME_STEP
    if processes and worlds > 1:
        return {task: {0: AsyncVectorEnv(made, context="forkserver", autoreset_mode=mode)}}
    return {task: {0: SyncVectorEnv(made, autoreset_mode=mode)}}
