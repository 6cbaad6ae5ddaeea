"""The teacher: Stable-Baselines3 PPO or SAC on privileged state."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from sim2real.training.teacher_config import TeacherConfig

ROLLOUT = 32  # steps per world between PPO's updates


def make_teacher(
    config: TeacherConfig,
    env: VecEnv,
    tensorboard: Path | None = None,
    policy: str | type = "MlpPolicy",
    policy_kwargs: dict[str, Any] | None = None,
) -> PPO | SAC:
    """Make an untrained SB3 algorithm for env; policy and policy_kwargs as in SB3."""
    config = config.filled({})
    common = {"gamma": config.gamma, "seed": config.seed, "tensorboard_log": str(tensorboard) if tensorboard else None}
    hidden = list(config.hidden)
    if config.algorithm == "sac":
        return SAC(
            policy,
            env,
            learning_rate=config.learning_rate,
            batch_size=512,
            learning_starts=min(10_000, config.steps // 10),
            train_freq=1,
            gradient_steps=max(env.num_envs // 32, 1),
            policy_kwargs={"net_arch": hidden, **(policy_kwargs or {})},
            device="cpu",
            **common,
        )
    return PPO(
        policy,
        env,
        # SB3's own class: a function of this package in the zip could not be loaded without the package.
        learning_rate=LinearSchedule(config.learning_rate, 0.02 * config.learning_rate, 0.98),
        n_steps=ROLLOUT,
        batch_size=_batch_size(env.num_envs),
        n_epochs=5,
        policy_kwargs={
            "net_arch": hidden,
            "log_std_init": -1.0,
            "activation_fn": torch.nn.Tanh,
            **(policy_kwargs or {}),
        },
        device="cpu",
        **common,
    )


def _batch_size(worlds: int) -> int:
    """Return a batch size of at most 2048 and a quarter of a rollout, which it divides, as SB3 requires."""
    sizes = [ROLLOUT * worlds // parts for parts in (4, 8, 16, 32)]
    return next((size for size in sizes if size <= 2048), sizes[-1])


class Teacher:
    """A trained policy on privileged state.

    Args:
        model: SB3 algorithm.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        self._policy = model.policy
        self._policy.set_training_mode(False)

    def __call__(self, privileged: np.ndarray) -> np.ndarray:
        """Return actions (n, A) float32 for privileged states (n, P)."""
        with torch.inference_mode():
            action = self._policy._predict(torch.as_tensor(privileged), deterministic=True)
        return np.clip(action.numpy(), -1, 1)


class RolloutCallback(BaseCallback):
    """Calls `report` after every rollout with (steps done, metrics); stops the training on request.

    Args:
        report: returns False to stop.
    """

    def __init__(self, report: Callable[[int, dict[str, float]], bool]) -> None:
        super().__init__()
        self._report, self._go_on = report, True

    def _on_step(self) -> bool:
        return self._go_on

    def _on_rollout_end(self) -> None:
        lengths = [e["l"] for e in self.model.ep_info_buffer or ()]
        rewards = [e["r"] for e in self.model.ep_info_buffer or ()]
        wins = list(self.model.ep_success_buffer or ())
        metrics: dict[str, Any] = {"episodes": len(wins)}
        if wins:
            metrics |= {
                "success": float(np.mean(wins)),
                "return": float(np.mean(rewards)),
                "length": float(np.mean(lengths)),
            }
        self._go_on = self._report(self.num_timesteps, {name: float(value) for name, value in metrics.items()})
