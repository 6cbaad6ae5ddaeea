"""Settings of a teacher's training; imports neither torch nor a simulator, so that `--help` is quick."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import tyro

from sim2real.errors import InputError

ALGORITHMS = ("ppo", "sac")
USUAL = {"steps": 1_000_000, "gamma": 0.97, "hidden": (64, 64)}


@dataclass(frozen=True)
class TeacherConfig:
    """Settings of a teacher.

    Attributes:
        algorithm: ppo or sac.
        steps: number of environment steps over all worlds; 0: the task's value.
        learning_rate: PPO: initial rate, which decays to nearly 0; SAC: constant rate.
        gamma: discount per step; 0: the task's value.
        hidden: units per layer of the policy and value networks; (): the task's value.
        seed: seed of networks, exploration and worlds.
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
            raise InputError(f"no algorithm {self.algorithm!r}; valid: {', '.join(ALGORITHMS)}")
        if self.steps < 0:
            raise InputError(f"steps must be at least 1, or 0 for the task's own number, not {self.steps}")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate must be positive, not {self.learning_rate}")
        if not 0 <= self.gamma <= 1:
            raise InputError(f"gamma must be between 0 and 1, not {self.gamma}")
        if min(self.hidden, default=1) < 1:
            raise InputError(f"hidden layers need at least one unit each, not {self.hidden}")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be between 0 and {2**32 - 1}, not {self.seed}")

    def filled(self, training: Mapping[str, Any]) -> "TeacherConfig":
        """Return the settings with open values filled in from `TaskSpec.training`, or with defaults."""
        left_open = {name: training.get(name, usual) for name, usual in USUAL.items() if not getattr(self, name)}
        return replace(self, **left_open)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of `sim2real train`.

    Attributes:
        task: name of a registered task.
        worlds: number of worlds simulated in parallel.
        randomization: a preset of the task, or a TOML file.
        adr: automatic domain randomization (OpenAI et al. 2019): start with a tenth of every range, widen while the
            policy succeeds, narrow while it fails.
        checkpoint_every: number of steps between checkpoints.
        evaluate: number of test episodes at the end.
    """

    task: Annotated[str, tyro.conf.arg(metavar="TASK")]
    teacher: Annotated[TeacherConfig, tyro.conf.arg(name="")] = field(default_factory=TeacherConfig)
    worlds: int = 256
    randomization: str = "default"
    adr: bool = False
    checkpoint_every: int = 100_000
    evaluate: int = 100

    def __post_init__(self) -> None:
        for name in ("worlds", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.evaluate < 0:
            raise InputError(f"evaluate must be at least 0 episodes, not {self.evaluate}")
