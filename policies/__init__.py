"""Vision policies: preprocessing, encoder, heads and the policy that combines them.

The names below are imported when they are first used, so that a robot's computer can import
`policies.preprocessing` without torch, and every package `policies.errors` with the standard library alone.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policies.encoder import EncoderConfig, VisionEncoder
    from policies.heads import HeadsConfig
    from policies.policy import Policy, PolicyConfig
    from policies.preprocessing import Preprocessing, normalize

__all__ = ["EncoderConfig", "HeadsConfig", "Policy", "PolicyConfig", "Preprocessing", "VisionEncoder", "normalize"]

_HOMES = {
    "encoder": ("EncoderConfig", "VisionEncoder"),
    "heads": ("HeadsConfig",),
    "policy": ("Policy", "PolicyConfig"),
    "preprocessing": ("Preprocessing", "normalize"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"policies.{home}"), name)
    raise AttributeError(f"module 'policies' has no attribute {name!r}")
