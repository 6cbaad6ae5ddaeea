"""Frames on which an exported policy is compared with the policy as trained."""

import numpy as np

from envs import BatchEnv, Task
from policies.policy import Policy
from sim2real.recordings.interpretation import known_task
from sim2real.rehearsal.preset import PRESET
from sim2real.seeds import TEST

WALK = 10  # control steps with random actions before the simulated frames


def sample_frames(policy: Policy, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (count, H, W, 3) uint8 as the camera gives them, and states (count, S); S is 0 without a state.

    Half of them are simulated in different worlds of the policy's task; the others are noise, the last one black, with
    random states. Without a registered task all are noise.
    """
    task = known_task(policy.config.task)
    random = np.random.default_rng(0)
    images, states = np.zeros((0, *_size(policy), 3), np.uint8), np.zeros((0, policy.config.heads.state), np.float32)
    if task is not None:
        images, states = _simulated(policy, task, count // 2, random)
    rest = count - len(images)
    noise = random.integers(0, 256, (rest, *images.shape[1:]), np.uint8)
    noise[-1] = 0
    others = random.uniform(-1, 1, (rest, states.shape[1])).astype(np.float32)
    return np.concatenate([images, noise]), np.concatenate([states, others])


def _size(policy: Policy) -> tuple[int, int]:
    width, height = policy.config.preprocessing.raw_size
    return height, width


def _simulated(policy: Policy, task: Task, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    key = policy.config.preprocessing.key
    env = BatchEnv(task, count, randomization=PRESET, observations=("state", key))
    try:
        observation, _ = env.reset(seed=list(range(TEST.start, TEST.start + count)))
        for _ in range(WALK):
            actions = random.uniform(-1, 1, (count, len(policy.config.action_names))).astype(np.float32)
            observation = env.step(actions)[0]
        used = policy.config.heads.state
        return np.array(observation[key]), np.array(observation["state"], np.float32)[:, :used]
    finally:
        env.close()
