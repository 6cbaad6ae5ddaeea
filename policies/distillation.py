"""Distillation of a privileged teacher into a vision policy, frames streaming from the renderer into training.

DAgger (Ross, Gordon & Bagnell 2011): the student drives a growing share of the worlds, the teacher says everywhere
what it would have done. A collector thread renders while the learner trains; both release the interpreter while they
compute, so that two cores are busy.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from policies.collector import Collector, Worlds
from policies.frame_buffer import FrameBuffer
from policies.losses import multi_task_loss
from policies.policy import Policy
from policies.precision import bf16_autocast

USUAL_FRAMES = 300_000


@dataclass(frozen=True)
class DistillationConfig:
    """How a student learns.

    Attributes:
        frames: rendered in all; 0: as many as the task needs.
        reuse: times that a frame is trained on, on average.
        buffer: frames kept in memory to draw batches from.
        share: of the worlds that the student drives, from half of the run on; before, it grows from 0.
        jolt: std of the drift on the teacher's own actions, so that it shows how to recover; recordings of people, too,
            show the road from everywhere: at 0.15 and share 0.9 the policy agreed less with them.
        ema: decay of the averaged weights per update; these drive and are saved.
        auxiliary: weight of every auxiliary label against the action's 1.
        bf16: compute in bfloat16 where the processor does that in hardware.
    """

    frames: int = 0
    reuse: float = 2.0
    batch_size: int = 128
    buffer: int = 30_000
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-3
    share: float = 0.5
    jolt: float = 0.3
    ema: float = 0.998
    auxiliary: float = 0.2
    bf16: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("reuse", "batch_size", "buffer", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("frames", "weight_decay", "jolt", "auxiliary", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        if not 0 <= self.share <= 1 or not 0 <= self.ema < 1:
            raise ValueError(f"share must be in 0…1 and ema below 1, not {self.share} and {self.ema}")

    def filled(self, training: Mapping[str, Any]) -> "DistillationConfig":
        """With the number of frames as the task has it (`TaskSpec.training`), or as usual, where it was left open."""
        return self if self.frames else replace(self, frames=training.get("frames", USUAL_FRAMES))

    @property
    def updates(self) -> int:
        """Gradient steps in all."""
        return max(round(self.frames * self.reuse / self.batch_size), 1)


class Distiller:
    """Trains a student from a teacher's labels on streamed frames.

    Args:
        policy: the student; trained in place.
        env: worlds that observe `images.<camera>`, `state` and `privileged`.

    Attributes:
        average: the policy with averaged weights, the one to keep.
        update: gradient steps done.
    """

    def __init__(
        self,
        policy: Policy,
        teacher: Callable[[np.ndarray], np.ndarray],
        env: Worlds,
        config: DistillationConfig,
    ) -> None:
        config = config.filled({})
        self.policy, self.config, self._env, self._teacher = policy, config, env, teacher
        self.average = copy.deepcopy(policy).eval()
        self.average.requires_grad_(False)
        fused = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "fused": True}
        self.optimizer = torch.optim.AdamW(policy.parameters(), **fused)
        self.update = 0

    def state_dict(self) -> dict[str, Any]:
        """All that a later start needs to go on; the frames are not kept, they are rendered anew."""
        return {
            "policy": self.policy.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "update": self.update,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what state_dict gave."""
        self.policy.load_state_dict(state["policy"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.update = int(state["update"])

    def run(self, on_update: Callable[[int, Mapping[str, float]], bool]) -> None:
        """Train to the end of the configured frames.

        Args:
            on_update: called with the update's number and its losses; returns False to stop early.
        """
        config = self.config
        per_update = config.batch_size / config.reuse
        done = round(self.update * per_update)
        buffer = FrameBuffer(config.buffer)
        collector = Collector(self._env, self._teacher, self.average, buffer, config, done)
        random = np.random.default_rng([config.seed, self.update])
        fill = min(config.buffer, config.frames, max(2048, 8 * config.batch_size))
        collector.start()
        try:
            while self.update < config.updates:
                target = fill + round((self.update + 1) * per_update)
                collector.allow(target + 2 * self._env.num_envs)
                collector.wait_for(max(target - self._env.num_envs, done + 1))
                losses = self._learn(buffer.sample(config.batch_size, random))
                self.update += 1
                if not on_update(self.update, losses):
                    break
        finally:
            collector.stop()

    def _learn(self, batch: dict[str, np.ndarray]) -> dict[str, float]:
        config = self.config
        progress = self.update / config.updates
        rate = config.learning_rate * min(progress / 0.05 + 0.02, 1.0) * 0.5 * (1 + np.cos(np.pi * progress))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        device = next(self.policy.parameters()).device
        tensors = {name: torch.from_numpy(values).to(device) for name, values in batch.items()}
        labels = {name.removeprefix("label."): value for name, value in tensors.items()}
        heads = self.policy.config.heads
        state = tensors["state"] if heads.state else None
        self.policy.train()
        with bf16_autocast(device, config.bf16):
            outputs = self.policy(tensors["image"], state)
        weights = {name: config.auxiliary for name in outputs} | {"action": 1.0}
        loss, parts = multi_task_loss(outputs, labels, weights, masks=tuple(heads.masks))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
        decay = min(config.ema, self.update / (self.update + 10))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.policy.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return {"loss": float(loss.detach()), "learning_rate": rate, **{name: float(x) for name, x in parts.items()}}
