"""Networks for one or several tasks on frozen frames: how they are made, learn, and are judged."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from policies.policy import Policy, PolicyConfig
from sim2real.progress import Progress, silent
from sim2real.studies.frames import Frames
from sim2real.training.gradient_step import gradient_step
from sim2real.training.losses import multi_task_loss
from sim2real.training.pretrain_config import DistillationConfig
from sim2real.transfer.fitting.fit import DRAWING

TASKS = {
    "steering": ("action",),
    "geometry": ("offset", "heading", "curvature"),
    "mask": ("mask",),
    "depth": ("depth",),
}
"""The outputs of each task. The action's second component, the throttle, is learned with the steering, not judged."""
BATCH = 500


@dataclass(frozen=True)
class Network:
    """A network to train.

    Attributes:
        tasks: the tasks that it has heads for.
        width: channels of its encoder's stem.
        mixed: of several tasks, whether each learns from frames of its own (a batch for each task, in one step), as if
            no frame had the labels of two tasks; else all learn from the same frames.
    """

    tasks: tuple[str, ...]
    width: int
    mixed: bool = False

    @property
    def name(self) -> str:
        kind = self.tasks[0] if len(self.tasks) == 1 else "mixed" if self.mixed else "shared"
        return f"{kind}-w{self.width}"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of the outputs that are learned."""
        return tuple(name for task in self.tasks for name in TASKS[task])

    def config(self, base: PolicyConfig) -> PolicyConfig:
        """Return the policy's config: the base's, with this width and the heads of the tasks.

        Every policy has an action head; without the task steering it learns nothing and is not counted.
        """
        heads = base.heads
        kept = {
            kind: {name: size for name, size in getattr(heads, kind).items() if name in self.outputs}
            for kind in ("scalars", "masks", "maps")
        }
        encoder = dataclasses.replace(base.encoder, width=self.width)
        return dataclasses.replace(base, encoder=encoder, heads=dataclasses.replace(heads, **kept))

    def operations(self, base: PolicyConfig) -> int:
        """Return the multiply-accumulate operations of one frame's forward pass, of what is learned only."""
        policy, names = new_policy(self.config(base), 0).eval(), self.outputs
        images = torch.zeros((1, *policy.config.encoder.size, 3), dtype=torch.uint8)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            features = policy.features(images)
            if {"action", *policy.config.heads.scalars} & set(names):
                hidden = policy.heads.trunk(features)
                for head in policy.heads.scalars.values():
                    head(hidden)
                if "action" in names:
                    policy.heads.action(hidden, None)
            for head in policy.heads.maps.values():
                head(features)
        return counter.get_total_flops() // 2


@dataclass
class _Learner:
    """What a gradient step changes."""

    policy: Policy
    average: Policy
    optimizer: torch.optim.AdamW
    config: DistillationConfig
    update: int = 0


def new_policy(config: PolicyConfig, seed: int) -> Policy:
    """Return an untrained policy; with one seed, encoders of one width begin alike, whatever heads follow."""
    with DRAWING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Policy(config)


def train_network(
    network: Network,
    base: PolicyConfig,
    frames: Frames,
    recipe: DistillationConfig,
    seed: int,
    progress: Progress = silent,
) -> Policy:
    """Train a network on frozen frames and return it with averaged weights.

    The loss is the plain sum of the tasks' losses, which matches special weightings where each is tuned (Kurin et al.
    2022, arXiv 2201.04122); a task's loss is the mean over its outputs, each in units of the best constant's loss.

    Args:
        recipe: learning rate, number of updates (`updates`), frames per task and update, weight decay.
    """
    policy = new_policy(network.config(base), seed)
    average = copy.deepcopy(policy).eval()
    average.requires_grad_(False)
    optimizer = torch.optim.AdamW(
        policy.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    learner = _Learner(policy, average, optimizer, recipe)
    units = _constant_losses(frames, network.outputs)
    weights = {name: 1 / len(TASKS[task]) / units[name] for task in network.tasks for name in TASKS[task]}
    # Each task's stream of frames is the same in all networks that learn it from frames of its own.
    streams = {task: np.random.default_rng([seed, list(TASKS).index(task)]) for task in network.tasks}
    drawn = network.tasks if network.mixed else network.tasks[:1]
    for update in range(recipe.updates):
        batches = [frames.rows(streams[task].integers(len(frames), size=recipe.batch_size)) for task in drawn]
        images, labels = _joined(batches, drawn) if network.mixed else batches[0]
        tensors = {name: torch.from_numpy(labels[name]) for name in network.outputs}
        losses = gradient_step(learner, torch.from_numpy(images), tensors, weights)
        learner.update = update + 1
        if update % 10 == 0:
            progress(update, recipe.updates, {"loss": losses["loss"]})
    return average


def _constant_losses(frames: Frames, names: Sequence[str]) -> dict[str, float]:
    """Return the loss that the best constant (per cell of a map) makes for each output: without this unit, a task's
    share of the sum would follow from the units of its labels.
    """
    _, labels = frames.rows(np.linspace(0, len(frames) - 1, min(len(frames), 1000)).astype(int))
    known = {name: torch.from_numpy(labels[name]) for name in names}
    best = {name: values.mean(0).expand_as(values) for name, values in known.items()}
    best |= {name: values.clamp(0.01, 0.99).logit() for name, values in best.items() if name == "mask"}
    _, losses = multi_task_loss(best, known, dict.fromkeys(names, 1.0), masks=("mask",))
    return {name: max(float(loss), 1e-6) for name, loss in losses.items()}


def _joined(
    batches: Sequence[tuple[np.ndarray, dict[str, np.ndarray]]], tasks: Sequence[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Join a batch per task; in each, the labels of the other tasks are missing (NaN)."""
    images, labels = zip(*batches, strict=True)
    names = {name: task for task in tasks for name in TASKS[task]}
    parts = {
        name: [
            given[name] if task == own else np.full_like(given[name], np.nan)
            for own, given in zip(tasks, labels, strict=True)
        ]
        for name, task in names.items()
    }
    return np.concatenate(images), {name: np.concatenate(part) for name, part in parts.items()}


@dataclass(frozen=True)
class Judge:
    """Judges networks on some frozen frames.

    Attributes:
        frames: the frames.
        index: (m,) of those that are judged.
        scales: output -> mean absolute error of the best constant (per cell of a map), which is the unit of errors.
    """

    frames: Frames
    index: np.ndarray
    scales: Mapping[str, float]

    @staticmethod
    def of(frames: Frames, index: np.ndarray) -> "Judge":
        """Make a judge of the frames at index (m,)."""
        _, labels = frames.rows(index)
        known = {name: _judged(name, values) for name, values in labels.items()}
        return Judge(frames, index, {k: float(np.abs(v - np.median(v, 0)).mean()) or 1.0 for k, v in known.items()})

    @property
    def layouts(self) -> np.ndarray:
        """Return the layouts of the frames, in order."""
        return np.unique(self.frames.layout[self.index])

    def errors(self, policy: Policy, tasks: Sequence[str]) -> dict[str, Any]:
        """Return, per layout, the number of frames ("frames") and the sum of each task's errors ("errors").

        A frame's error is the mean over the task's outputs of the absolute error, in units of what the best constant
        makes: 0 is perfect, 1 as good as a constant. Of masks it is the share of cells on the wrong side of one half.
        """
        sums = {task: np.zeros(len(self.layouts)) for task in tasks}
        for k in range(0, len(self.index), BATCH):
            index = self.index[k : k + BATCH]
            images, labels = self.frames.rows(index)
            with torch.inference_mode():
                outputs = policy(torch.from_numpy(images))
            unit = np.searchsorted(self.layouts, self.frames.layout[index])
            for task in tasks:
                errors = [self._error(name, outputs[name].numpy(), labels[name]) for name in TASKS[task]]
                sums[task] += np.bincount(unit, np.mean(errors, 0), len(self.layouts))
        count = np.bincount(np.searchsorted(self.layouts, self.frames.layout[self.index]))
        return {"frames": count.tolist(), "errors": {task: each.tolist() for task, each in sums.items()}}

    def _error(self, name: str, output: np.ndarray, label: np.ndarray) -> np.ndarray:
        given = 1 / (1 + np.exp(-output)) if name == "mask" else output
        distance = np.abs(_judged(name, given) - _judged(name, label))
        return distance.reshape(len(distance), -1).mean(1) / self.scales[name]


def _judged(name: str, values: np.ndarray) -> np.ndarray:
    """Return what is judged: the first action (steering), cells of a mask as 0 or 1, other values as they are."""
    return values[:, :1] if name == "action" else (values >= 0.5).astype(np.float32) if name == "mask" else values
