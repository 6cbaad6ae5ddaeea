"""What the feature cache of `feature-extraction` gains."""

from collections.abc import Callable

import numpy as np
import torch

from common import Result, alternate, compare
from envs import make_task
from policies.policy import Policy
from sim2real.recordings.frames import Frames
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config
from sim2real.transfer.fitting.batches import Batches, Labelled
from sim2real.transfer.fitting.fit import Learner, prepare
from sim2real.transfer.fitting.plans import find_plan

FRAMES, ROUNDS, SECONDS = 512, 3, 0.5


def cache() -> list[Result]:
    """Epochs over frames with the encoder's features kept, against running the frozen encoder every time.

    Filling the cache, once, is a pass over the frames: about what an epoch without it takes.
    """
    torch.set_num_threads(1)
    policy = Policy(policy_config(make_task("LaneFollow").spec, PretrainConfig("LaneFollow")))
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (FRAMES, *policy.config.encoder.size, 3), np.uint8)
    actions = random.uniform(-1, 1, (FRAMES, 2)).astype(np.float32)
    frames = Frames(images, actions, np.zeros(FRAMES, int), np.arange(FRAMES), 0.0, 20.0)
    rates = alternate({"kept": _epoch(policy, frames, True), "anew": _epoch(policy, frames, False)}, ROUNDS, SECONDS)
    subject, instead = "feature-extraction, features kept", "instead: the frozen encoder every time"
    return [compare("feature cache", subject, rates["kept"], "frames/s", instead, rates["anew"], target=20.0)]


def _epoch(policy: Policy, frames: Frames, cached: bool) -> Callable[[], int]:
    plan = find_plan("feature-extraction")
    model = prepare(policy, plan, 0)
    batches = Batches(model, plan, cached, np.random.default_rng(0))
    batches.fill(Labelled(frames.images, frames.actions))
    learner = Learner(model, plan)

    def work() -> int:
        for _ in range(len(frames) // plan.batch_size):
            learner.learn(batches.draw(), batches.after, 0.5)
        return len(frames)

    return work
