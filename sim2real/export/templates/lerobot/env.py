"""The task @TASK@ as an environment of LeRobot (EnvHub); needs `sim2real` installed."""

from typing import Any

from sim2real.export.envhub import vector_env


def make_env(n_envs: int = 1, use_async_envs: bool = False, cfg: Any = None) -> Any:
    """Return worlds of @TASK@ with a LeRobot robot's observations and actions."""
    return vector_env("@TASK@", "@CAMERA@", n_envs, use_async_envs)
