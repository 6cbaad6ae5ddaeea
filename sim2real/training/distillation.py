"""Distillation of a privileged teacher into a vision policy, with frames streamed from the renderer.

DAgger (Ross, Gordon & Bagnell 2011): the student drives a growing share of the worlds, and the teacher labels all
frames with its actions. A collector thread renders while the learner trains; both release the interpreter lock while
they compute, so that two cores are used.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from policies.policy import Policy
from sim2real.training.collector import Collector, Worlds
from sim2real.training.frame_buffer import FrameBuffer
from sim2real.training.gradient_step import gradient_step
from sim2real.training.pretrain_config import DistillationConfig


class Distiller:
    """Trains a student from a teacher's labels on streamed frames.

    Args:
        policy: the student; trained in place.
        teacher: maps privileged states (n, P) to actions (n, A); drives its share of the worlds.
        labeller: the same, for the labels; None: the teacher.
        env: worlds with the observations `images.<camera>`, `state` and `privileged`.

    Attributes:
        average: the policy with averaged weights, which is the result.
        update: number of gradient steps done.
    """

    def __init__(
        self,
        policy: Policy,
        teacher: Callable[[np.ndarray], np.ndarray],
        env: Worlds,
        config: DistillationConfig,
        labeller: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        config = config.filled({})
        self.policy, self.config, self._env = policy, config, env
        self._teacher, self._labeller = teacher, labeller or teacher
        self.average = copy.deepcopy(policy).eval()
        self.average.requires_grad_(False)
        fused = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "fused": True}
        self.optimizer = torch.optim.AdamW(policy.parameters(), **fused)
        self.update = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the state for resuming; frames are not saved but rendered again."""
        return {
            "policy": self.policy.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "update": self.update,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from the output of state_dict."""
        self.policy.load_state_dict(state["policy"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.update = int(state["update"])

    def run(self, on_update: Callable[[int, Mapping[str, float]], bool]) -> None:
        """Train on the configured number of frames.

        Args:
            on_update: called with the update's number and its losses; returns False to stop early.
        """
        config = self.config
        per_update = config.batch_size / config.reuse
        done = round(self.update * per_update)
        buffer = FrameBuffer(config.buffer)
        collector = Collector(self._env, self._teacher, self._labeller, self.average, buffer, config, done)
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
        tensors = {name: torch.from_numpy(values) for name, values in batch.items()}
        labels = {name.removeprefix("label."): value for name, value in tensors.items()}
        weights = dict.fromkeys(self.policy.config.heads.outputs, self.config.auxiliary) | {"action": 1.0}
        return gradient_step(self, tensors["image"], labels, weights, tensors["state"])
