# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""PPO from pixels, with the policy's encoder as feature extractor of Stable-Baselines3."""

from collections.abc import Callable

import gymnasium
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from envs import BatchEnv
from policies.policy import Policy
from sim2real.progress import Progress
from sim2real.runs import Run
from sim2real.training.sb3_env import SB3Env
from sim2real.training.sb3_teacher import RolloutCallback, make_teacher
from sim2real.training.teacher_checkpoints import restore_teacher, save_teacher
from sim2real.training.teacher_config import TeacherConfig


class PolicyFeatures(BaseFeaturesExtractor):
    """A Policy's encoder and trunk as SB3 features.

    Args:
        policy: its encoder and trunk are trained in place; SB3 passes images as float (n, 3, H, W) in [0, 1].
    """

    def __init__(self, observation_space: gymnasium.Space, policy: Policy) -> None:
        super().__init__(observation_space, policy.config.heads.hidden)
        self.policy = policy

    def forward(self, observations: Tensor) -> Tensor:
        images = (observations * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return self.policy.heads.trunk(self.policy.features(images))


class PixelActorCritic(ActorCriticPolicy):
    """SB3's actor-critic with a Policy's action head as mean action, so that this Policy is trained."""

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        super()._build(lr_schedule)
        self.action_net = _HeadOn(self.features_extractor.policy)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


class _HeadOn(nn.Module):
    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.head = policy.heads.action

    def forward(self, features: Tensor) -> Tensor:
        return self.head(features, None)


def train_from_pixels(run: Run, env: BatchEnv, policy: Policy, config: TeacherConfig, report: Progress) -> Policy:
    """Train a policy by PPO on its camera frames, or resume training.

    Args:
        env: worlds that observe only the policy's camera.

    Raises:
        KeyboardInterrupt: after saving, when interrupted.
    """
    worlds = SB3Env(env, policy.config.preprocessing.key)
    kwargs = {
        "features_extractor_class": PolicyFeatures,
        "features_extractor_kwargs": {"policy": policy},
        "net_arch": {"pi": [], "vf": [64]},
        "ortho_init": False,
    }
    model = make_teacher(config, worlds, run.tensorboard, PixelActorCritic, kwargs)
    if run.resumed and run.checkpoints.is_dir() and any(run.checkpoints.glob("step_*.zip")):
        restore_teacher(model, run.checkpoints)
    saved = model.num_timesteps

    def on_rollout(steps: int, metrics: dict[str, float]) -> bool:
        nonlocal saved
        if steps - saved >= max(config.steps // 20, 1):
            save_teacher(run.checkpoints, model, {})
            saved = steps
        report(min(steps, config.steps), config.steps, metrics)
        return True

    try:
        if model.num_timesteps < config.steps:
            left = config.steps - model.num_timesteps
            model.learn(left, callback=RolloutCallback(on_rollout), reset_num_timesteps=False, tb_log_name="ppo")
    except KeyboardInterrupt:
        save_teacher(run.checkpoints, model, {})
        raise
    save_teacher(run.checkpoints, model, {})
    policy.load_state_dict(model.policy.features_extractor.policy.state_dict())
    return policy.eval()
