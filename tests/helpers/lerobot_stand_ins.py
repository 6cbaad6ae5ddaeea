"""The few names of LeRobot that the plugin imports, for tests where LeRobot is not installed."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch


@dataclass
class _Config:
    """As `PreTrainedConfig`, in what the plugin uses."""

    n_obs_steps: int = 1
    input_features: dict = field(default_factory=dict)
    output_features: dict = field(default_factory=dict)
    device: str | None = None

    @classmethod
    def register_subclass(cls, name: str) -> Callable[[type], type]:
        return lambda made: made


@dataclass(kw_only=True)
class _CameraConfig:
    """As `CameraConfig`."""

    fps: int | None = None
    width: int | None = None
    height: int | None = None

    @classmethod
    def register_subclass(cls, name: str) -> Callable[[type], type]:
        return lambda made: made


class _Camera:
    """As `Camera`."""

    def __init__(self, config: Any) -> None:
        self.fps, self.width, self.height = config.fps, config.width, config.height


class _Policy(torch.nn.Module):
    """As `PreTrainedPolicy`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config


def stand_ins() -> dict[str, ModuleType]:
    """Modules by name, for `sys.modules`."""
    contents: dict[str, dict[str, Any]] = {
        "lerobot": {},
        "lerobot.configs": {"PreTrainedConfig": _Config},
        "lerobot.cameras": {},
        "lerobot.cameras.camera": {"Camera": _Camera},
        "lerobot.cameras.configs": {"CameraConfig": _CameraConfig},
        "lerobot.policies": {},
        "lerobot.policies.pretrained": {"PreTrainedPolicy": _Policy},
        "lerobot.processor": {"PolicyProcessorPipeline": object},
        "lerobot.processor.factory": dict.fromkeys(
            ("make_default_policy_processor_steps", "make_policy_processor_pipelines")
        ),
        "huggingface_hub": {"snapshot_download": None},
    }
    made = {}
    for name, content in contents.items():
        made[name] = ModuleType(name)
        vars(made[name]).update(content)
    return made


def install() -> None:
    """Let this interpreter import them."""
    sys.modules.update(stand_ins())
