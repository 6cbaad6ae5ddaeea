"""The teacher: Stable-Baselines3 PPO or SAC on privileged state, resumable, in standard SB3 zips."""

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

ALGORITHMS = ("ppo", "sac")


@dataclass(frozen=True)
class TeacherConfig:
    """How a teacher is trained.

    Attributes:
        algorithm: one of ALGORITHMS.
        steps: environment steps over all worlds.
        hidden: units per layer of policy and value network.
    """

    algorithm: str = "ppo"
    steps: int = 1_000_000
    learning_rate: float = 1e-3
    gamma: float = 0.97
    hidden: tuple[int, ...] = (64, 64)
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"no algorithm {self.algorithm!r}; valid: {', '.join(ALGORITHMS)}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, not {self.steps}")


def make_teacher(
    config: TeacherConfig,
    env: VecEnv,
    tensorboard: Path | None = None,
    policy: str | type = "MlpPolicy",
    policy_kwargs: dict[str, Any] | None = None,
) -> PPO | SAC:
    """An untrained SB3 algorithm over env; policy and policy_kwargs as SB3 has them."""
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
        learning_rate=lambda left: config.learning_rate * max(left, 0.02),
        n_steps=32,
        batch_size=max(min(2048, 32 * env.num_envs // 4), 2),
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


def save_teacher(folder: Path, model: BaseAlgorithm, state: dict, keep: int = 3) -> Path:
    """Write `step_NNNNNNNNN.zip`, which SB3's own `load` opens, and state as JSON beside it; keep the last few."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step_{model.num_timesteps:09d}.zip"
    temporary = folder / f".{path.name}.part"
    with temporary.open("wb") as file:
        model.save(file)
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps({"num_timesteps": model.num_timesteps, **state}))
    temporary.replace(path)
    for old in sorted(folder.glob("step_*.zip"))[:-keep]:
        old.unlink()
        old.with_suffix(".json").unlink(missing_ok=True)
    return path


def _weights(path: Path, member: str) -> dict:
    """Tensors of one member of an SB3 zip, without unpickling anything else.

    Raises:
        ValueError: the file is not a whole SB3 zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return torch.load(io.BytesIO(archive.read(member)), weights_only=True, map_location="cpu")
    except (zipfile.BadZipFile, KeyError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"{path} is damaged or not a Stable-Baselines3 zip ({error})") from None


def restore_teacher(model: BaseAlgorithm, folder: Path) -> dict:
    """Load the newest whole checkpoint of a folder into model; returns the state saved with it.

    Raises:
        FileNotFoundError: there is none.
    """
    for path in sorted(folder.glob("step_*.zip"), reverse=True):
        try:
            policy = _weights(path, "policy.pth")
            optimizers = {"policy.optimizer": _weights(path, "policy.optimizer.pth")} if isinstance(model, PPO) else {
                name: _weights(path, f"{name}.pth") for name in ("actor.optimizer", "critic.optimizer")}  # fmt: skip
            state = json.loads(path.with_suffix(".json").read_text())
        except (ValueError, OSError) as error:
            warnings.warn(f"skipped a checkpoint: {error}", stacklevel=2)
            continue
        model.set_parameters({"policy": policy, **optimizers}, exact_match=False)
        model.num_timesteps = int(state["num_timesteps"])
        return state
    raise FileNotFoundError(f"no whole checkpoint in {folder}")


class Teacher:
    """A trained policy on privileged state.

    Args:
        model: SB3 algorithm.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        self._policy = model.policy
        self._policy.set_training_mode(False)

    def __call__(self, privileged: np.ndarray) -> np.ndarray:
        """Actions (n, A) float32 for privileged states (n, P)."""
        with torch.inference_mode():
            action = self._policy._predict(torch.as_tensor(privileged), deterministic=True)
        return np.clip(action.numpy(), -1, 1)


class Progress(BaseCallback):
    """Calls back at every rollout's end with (steps so far, metrics); stops the training when told to.

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
