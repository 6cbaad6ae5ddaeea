"""Teachers that learn in seconds, and the worlds that they learn in."""

import pytest
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.envs import IdentityEnvBox
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from sim2real.training.sb3_teacher import make_teacher
from sim2real.training.teacher_config import TeacherConfig

SETTINGS = {"ppo": TeacherConfig("ppo", steps=2000, hidden=(8,)), "sac": TeacherConfig("sac", steps=500, hidden=(8,))}
ALGORITHMS = pytest.mark.parametrize("algorithm", ["ppo", "sac"])


def worlds(kind: type = IdentityEnvBox) -> DummyVecEnv:
    """Eight worlds that show a number and reward doing the same; episodes of five steps."""
    return DummyVecEnv([lambda: Monitor(kind(ep_length=5))] * 8)


def trained(algorithm: str, steps: int = 512) -> PPO | SAC:
    model = make_teacher(SETTINGS[algorithm], worlds())
    return model.learn(steps)
