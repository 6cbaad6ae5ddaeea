"""Pretraining throughput against its two halves, and how long one image takes to become an action."""

import copy
import time
from collections.abc import Callable

import cv2
import gymnasium
import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticCnnPolicy

from common import Result, alternate_calls, compare
from envs import BatchEnv, make_task
from policies.policy import Policy
from sim2real.training.collector import Collector
from sim2real.training.distillation import Distiller
from sim2real.training.frame_buffer import FrameBuffer
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.pretraining import make_worlds, policy_config

ROUNDS = 2
# Short, but with the defaults' shape: the student's share grows to 90 % in the first half.
DISTILLATION = DistillationConfig(frames=8_000)
WARM_UP = 10  # updates


def _lane_keeper(names: tuple[str, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """A teacher that needs no training: steers by offset, heading and curvature at a constant throttle."""
    offset, heading, bend = (names.index(name) for name in ("offset", "sin_heading", "curvature_0.25m"))

    def teacher(privileged: np.ndarray) -> np.ndarray:
        steering = 0.5 * privileged[:, offset] + 2 * privileged[:, heading] - 0.5 * privileged[:, bend]
        return np.clip(np.stack([steering, np.full_like(steering, 0.4)], 1), -1, 1)

    return teacher


def _pretraining_rate(distiller: Distiller) -> float:
    """Images per second of a whole short run, from the first updates after the start to the last.

    An image is a frame rendered and then trained on `reuse` times; in a steady state as many are rendered as are
    used up, so that updates * batch_size / reuse counts both.
    """
    begun: list[float] = []

    def on_update(update: int, losses: object) -> bool:
        if update == WARM_UP:
            begun.append(time.perf_counter())
        return True

    distiller.run(on_update)
    config = distiller.config
    return (config.updates - WARM_UP) * config.batch_size / config.reuse / (time.perf_counter() - begun[0])


def _collecting_rate(env: BatchEnv, distiller: Distiller, seconds: float) -> tuple[float, FrameBuffer]:
    """Images per second of the collector with no learner beside it: physics, teacher, student, frames, labels, buffer.

    The student is the one that the run just trained, and has its final share of the worlds.
    """
    config, buffer = distiller.config, FrameBuffer(distiller.config.buffer)
    teacher = distiller._teacher
    collector = Collector(env, teacher, distiller._labeller, distiller.average, buffer, config, config.frames)
    collector.start()
    try:
        collector.wait_for(config.frames + 2 * env.num_envs)
        start, first = time.perf_counter(), collector.frames
        collector.join(seconds)
        collector.wait_for(collector.frames)  # raises what stopped it, if anything did
        spent, last = time.perf_counter() - start, collector.frames
    finally:
        collector.stop()
    return (last - first) / spent, buffer


def _learning_rate(distiller: Distiller, buffer: FrameBuffer, seconds: float) -> float:
    """Images per second of the learner with no collector beside it: drawing batches and training on them."""
    config, random = distiller.config, np.random.default_rng(0)
    distiller._learn(buffer.sample(config.batch_size, random))
    start, updates = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        distiller._learn(buffer.sample(config.batch_size, random))
        updates += 1
    return updates * config.batch_size / config.reuse / spent


def pretraining() -> list[Result]:
    """The whole run against the slower of its halves (limit), and against both in turn on both cores (instead)."""
    policy = Policy(policy_config(make_task("LaneFollow").spec, PretrainConfig("LaneFollow")))
    observations = ("state", policy.config.preprocessing.key, "privileged")
    cells = policy.config.heads.masks["mask"]
    env, wide = (make_worlds(PretrainConfig("LaneFollow", threads=t), observations, cells) for t in (1, 2))
    teacher = _lane_keeper(env.task_spec.privileged_names)
    measured = ("run", "run two", "render", "learn", "render two", "learn two")
    rates: dict[str, list[float]] = {name: [] for name in measured}
    try:
        for _ in range(ROUNDS):
            torch.set_num_threads(1)
            rates["run two"].append(_pretraining_rate(Distiller(policy, teacher, wide, DISTILLATION)))
            distiller = Distiller(policy, teacher, env, DISTILLATION)
            rates["run"].append(_pretraining_rate(distiller))
            # What follows must not train the policy further than the run does.
            spare = Distiller(copy.deepcopy(policy), teacher, env, DISTILLATION)
            spare.average = distiller.average
            collected, buffer = _collecting_rate(env, distiller, 3.0)
            rates["render"].append(collected)
            rates["learn"].append(_learning_rate(spare, buffer, 3.0))
            rates["render two"].append(_collecting_rate(wide, distiller, 3.0)[0])
            torch.set_num_threads(2)
            rates["learn two"].append(_learning_rate(spare, buffer, 3.0))
    finally:
        torch.set_num_threads(1)
        env.close()
        wide.close()
    each = {name: np.array(values) for name, values in rates.items()}
    slower = np.minimum(each["render"], each["learn"])
    in_turn = 1 / (1 / each["render two"] + 1 / each["learn two"])
    alone = f"renderer alone {np.median(each['render']):,.0f}, learner alone {np.median(each['learn']):,.0f}"
    limit, instead = "limit: the slower half, 1 thread", "instead: in turn, each on 2 threads"
    results = []
    for threads, name in ((1, "run"), (2, "run two")):
        subject = f"Distiller, {threads} + 1 threads"
        results += [
            compare("pretraining", subject, each[name], "images/s", limit, slower, remark=alone),
            compare("pretraining", subject, each[name], "images/s", instead, in_turn),
        ]
    return results


def act() -> list[Result]:
    """`Policy.act` for one 160x120 image against its network alone (limit) and SB3's CNN policy (instead), one thread.

    The policy has the heads that pretraining gives it; a control step of the task lasts 50 ms.
    """
    torch.set_num_threads(1)
    policy = Policy(policy_config(make_task("LaneFollow").spec, PretrainConfig("LaneFollow"))).eval()
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    observation = {policy.config.preprocessing.key: frame, "state": np.zeros(2, np.float32)}
    images = torch.from_numpy(policy.config.preprocessing(frame))
    space = gymnasium.spaces.Box(0, 255, (3, 84, 84), np.uint8)  # what SB3's users reduce their images to
    rival = ActorCriticCnnPolicy(space, gymnasium.spaces.Box(-1, 1, (2,), np.float32), lambda _: 1e-3)
    rival.set_training_mode(False)

    def forward() -> None:
        with torch.inference_mode():
            policy(images)["action"]

    def sb3() -> None:
        small = cv2.resize(frame, (84, 84), interpolation=cv2.INTER_AREA)
        rival.predict(small.transpose(2, 0, 1), deterministic=True)

    contenders = {"act": lambda: policy.act(observation), "forward": forward, "sb3": sb3}
    rates, latencies = alternate_calls(contenders)
    rivals = {"forward": "limit: the network alone", "sb3": "instead: SB3 CnnPolicy.predict, 84x84"}
    return [
        compare(
            *("act", "Policy.act, one 160x120 image", rates["act"], "images/s", rivals[name], rates[name]),
            remark=f"{latencies['act']}; the other {latencies[name]}",
        )
        for name in rivals
    ]
