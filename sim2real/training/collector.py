"""The thread that runs worlds with student and teacher and collects frames in a buffer."""

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch

from policies.policy import Policy
from sim2real.seeds import draw_learning_seed
from sim2real.training.pretrain_config import DistillationConfig


class Worlds(Protocol):
    """The environment of a collector: a gymnasium VectorEnv with privileged state and labels."""

    num_envs: int

    def reset(self, *, seed: int | None = None) -> tuple[dict, dict]: ...

    def step(self, actions: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray, dict]: ...

    def labels(self) -> dict[str, np.ndarray]: ...

    def maps(self, camera: str) -> dict[str, np.ndarray]: ...


class Sink(Protocol):
    """What a collector's frames and labels go into, such as a FrameBuffer."""

    def add(self, rows: dict[str, np.ndarray]) -> None: ...


class Collector(threading.Thread):
    """Collects frames and labels of worlds driven by student and teacher.

    Args:
        teacher: maps privileged states (n, P) to actions (n, A).
        labeller: the same, for the labels; a teacher that is told only what frames show.
        student: drives its share; the learner updates its averaged weights meanwhile, which is harmless, as any mixture
            of two successive averages is as good as either.
    """

    def __init__(
        self,
        env: Worlds,
        teacher: Callable[[np.ndarray], np.ndarray],
        labeller: Callable[[np.ndarray], np.ndarray],
        student: Policy,
        buffer: Sink,
        config: DistillationConfig,
        first_frame: int,
    ) -> None:
        super().__init__(name="collector", daemon=True)
        self._env, self._teacher, self._labeller, self._student, self._buffer = env, teacher, labeller, student, buffer
        self._config = config
        self.frames = first_frame
        self.error: Exception | None = None
        self._allowed, self._stopped = first_frame + config.buffer, False
        self._changed = threading.Condition()

    def allow(self, frames: int) -> None:
        """Allow the collector to continue up to this number of frames."""
        with self._changed:
            self._allowed = frames
            self._changed.notify_all()

    def wait_for(self, frames: int) -> None:
        """Wait until this number of frames is collected; raises the collector's error, if any."""
        with self._changed:
            self._changed.wait_for(lambda: self.frames >= frames or self.error is not None)
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """Stop after the current step."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        torch.set_num_threads(1)
        try:
            self._collect()
        except Exception as error:  # passed to the learner, which raises it
            self.error = error
        with self._changed:
            self._changed.notify_all()

    def _share(self) -> float:
        return self._config.share * min(2 * self.frames / self._config.frames, 1.0)

    def _collect(self) -> None:
        n, camera = self._env.num_envs, self._student.config.preprocessing.camera
        random = np.random.default_rng([self._config.seed, self.frames])
        # Every world has a fixed rank: the student drives those below its share, and so drives complete episodes.
        rank = (np.arange(n) + 0.5) / n
        observation, _ = self._env.reset(seed=draw_learning_seed(random, n))
        drift = np.zeros((n, len(self._student.config.action_names)))
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.frames + n <= self._allowed or self._stopped)
                if self._stopped:
                    return
            wanted = self._teacher(observation["privileged"])
            labels = {"action": self._labeller(observation["privileged"])} | {
                name: value[:, None] for name, value in self._env.labels().items()
            }
            if self._student.config.heads.masks or self._student.config.heads.maps:
                labels |= self._env.maps(camera)
            labels = {f"label.{name}": value.astype(np.float32) for name, value in labels.items()}
            self._buffer.add({"image": observation[f"images.{camera}"], "state": observation["state"], **labels})
            # Correlated disturbances, like wind or slopes: a first-order drift with a time constant of half a second.
            drift = 0.9 * drift + np.sqrt(1 - 0.9**2) * self._config.jolt * random.standard_normal(drift.shape)
            action = wanted + drift
            driven = rank < self._share()
            if driven.any():
                action[driven] = self._student.act({k: v[driven] for k, v in observation.items() if k != "privileged"})
            observation, *_ = self._env.step(np.clip(action, -1, 1))
            with self._changed:
                self.frames += n
                self._changed.notify_all()
