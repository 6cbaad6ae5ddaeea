"""The teacher: Stable-Baselines3 PPO or SAC on privileged state, resumable, in standard SB3 zips."""

import io
import json
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from policies.folders import write_file

ALGORITHMS = ("ppo", "sac")
USUAL = {"steps": 1_000_000, "gamma": 0.97, "hidden": (64, 64)}
ROLLOUT = 32  # steps of every world between PPO's updates
STATE = "sim2real.json"  # member of our zips that SB3 passes over


@dataclass(frozen=True)
class TeacherConfig:
    """How a teacher is trained.

    Attributes:
        algorithm: ppo or sac.
        steps: environment steps over all worlds; 0: as many as the task needs.
        learning_rate: of PPO at the start, from where it falls to nearly 0; of SAC throughout.
        gamma: discount per step; 0: the task's own.
        hidden: units per layer of policy and value network; (): the task's own.
        seed: of the networks, of exploration and of the worlds.
    """

    algorithm: str = "ppo"
    steps: int = 0
    learning_rate: float = 1e-3
    gamma: float = 0.0
    hidden: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"no algorithm {self.algorithm!r}; valid: {', '.join(ALGORITHMS)}")
        if self.steps < 0:
            raise ValueError(f"steps must be at least 1, or 0 for the task's own number, not {self.steps}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate}")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"gamma must be between 0 and 1, not {self.gamma}")
        if min(self.hidden, default=1) < 1:
            raise ValueError(f"hidden layers need at least one unit each, not {self.hidden}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be between 0 and {2**32 - 1}, not {self.seed}")

    def filled(self, training: Mapping[str, Any]) -> "TeacherConfig":
        """With what was left open as the task has it (`TaskSpec.training`), or as usual."""
        left_open = {name: training.get(name, usual) for name, usual in USUAL.items() if not getattr(self, name)}
        return replace(self, **left_open)


def make_teacher(
    config: TeacherConfig,
    env: VecEnv,
    tensorboard: Path | None = None,
    policy: str | type = "MlpPolicy",
    policy_kwargs: dict[str, Any] | None = None,
) -> PPO | SAC:
    """An untrained SB3 algorithm over env; policy and policy_kwargs as SB3 has them."""
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
        # SB3's own class: a function of ours in the zip could not be loaded without this package.
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
    """A quarter of a rollout or less, so as to be at most 2048; an equal part, as SB3 complains of a remainder."""
    sizes = [ROLLOUT * worlds // parts for parts in (4, 8, 16, 32)]
    return next((size for size in sizes if size <= 2048), sizes[-1])


def write_teacher(path: Path, model: BaseAlgorithm, state: dict[str, Any]) -> None:
    """Write a zip that SB3's own `load` opens, with state as JSON inside; an older file is replaced when it is whole.

    Raises:
        OSError: the disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    model.save(content)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(STATE, json.dumps({"num_timesteps": model.num_timesteps, **state}))
    temporary = path.with_name(f".{path.name}.part")
    try:
        write_file(temporary, content.getvalue())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_teacher(folder: Path, model: BaseAlgorithm, state: dict[str, Any], keep: int = 3) -> Path:
    """Write `step_NNNNNNNNN.zip` as `write_teacher` does, and keep the last few."""
    path = folder / f"step_{model.num_timesteps:09d}.zip"
    write_teacher(path, model, state)
    for old in sorted(folder.glob("step_*.zip"))[:-keep]:
        old.unlink()
    return path


def _read(path: Path, model: BaseAlgorithm) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Parameters, single variables and state in a zip of the same algorithm, without unpickling anything else.

    Raises:
        ValueError: the file is not a whole zip that `write_teacher` wrote.
    """

    def tensors(member: str) -> dict[str, Any]:
        return torch.load(io.BytesIO(archive.read(member)), weights_only=True, map_location="cpu")

    modules, variables = model._get_torch_save_params()
    try:
        with zipfile.ZipFile(path) as archive:
            parameters = {name: tensors(f"{name}.pth") for name in modules}
            return parameters, tensors("pytorch_variables.pth") if variables else {}, json.loads(archive.read(STATE))
    except pickle.UnpicklingError:
        raise ValueError(f"{path} is damaged or not to be trusted: it holds other things than tensors") from None
    except (zipfile.BadZipFile, KeyError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise ValueError(f"{path} is damaged or no checkpoint of this teacher ({reason})") from None


def restore_teacher(model: BaseAlgorithm, folder: Path) -> dict[str, Any]:
    """Load the newest whole checkpoint of a folder into model; returns the state saved with it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is of a network of another shape.
    """
    for path in sorted(folder.glob("step_*.zip"), reverse=True):
        try:
            parameters, variables, state = _read(path, model)
        except ValueError as error:
            warnings.warn(f"{error}; trying the checkpoint before it", stacklevel=2)
            continue
        try:
            model.set_parameters(parameters)
        except (RuntimeError, ValueError):
            raise ValueError(f"{path} does not fit the networks that the run's settings describe") from None
        for name, value in variables.items():
            getattr(model, name).data.copy_(value)
        model.num_timesteps = int(state["num_timesteps"])
        if isinstance(model, SAC):
            # Its replay buffer is not kept: it is filled anew before learning goes on, as at the first start.
            model.learning_starts += model.num_timesteps
        return state
    raise FileNotFoundError(f"no whole checkpoint in {folder}: remove the folder to begin anew")


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


class RolloutCallback(BaseCallback):
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
