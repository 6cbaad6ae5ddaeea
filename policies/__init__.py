"""What sees and acts: encoder, heads, policy, losses, checkpoints, teacher and distillation.

The names below are imported when they are first used, so that a robot's computer can import
`policies.preprocessing` without torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policies.checkpoint import load_policy, read_config, save_policy
    from policies.encoder import EncoderConfig, VisionEncoder
    from policies.folders import CheckpointError
    from policies.heads import HeadsConfig
    from policies.losses import multi_task_loss
    from policies.policy import Policy, PolicyConfig
    from policies.precision import bf16_autocast
    from policies.preprocessing import Preprocessing, normalize
    from policies.training_state import latest, load_state, save_state, save_step

__all__ = [
    "CheckpointError",
    "EncoderConfig",
    "HeadsConfig",
    "Policy",
    "PolicyConfig",
    "Preprocessing",
    "VisionEncoder",
    "bf16_autocast",
    "latest",
    "load_policy",
    "load_state",
    "multi_task_loss",
    "normalize",
    "read_config",
    "save_policy",
    "save_state",
    "save_step",
]

_HOMES = {
    "checkpoint": ("load_policy", "read_config", "save_policy"),
    "encoder": ("EncoderConfig", "VisionEncoder"),
    "folders": ("CheckpointError",),
    "heads": ("HeadsConfig",),
    "losses": ("multi_task_loss",),
    "policy": ("Policy", "PolicyConfig"),
    "precision": ("bf16_autocast",),
    "preprocessing": ("Preprocessing", "normalize"),
    "training_state": ("latest", "load_state", "save_state", "save_step"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"policies.{home}"), name)
    raise AttributeError(f"module 'policies' has no attribute {name!r}")
