"""Crossing the gap from simulated worlds and policies to real cameras and robots: a room for each part of the way.

The names below are imported when they are first used, so that reading a run's JSON needs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim2real.checkpoints import load_policy, save_policy

__all__ = ["load_policy", "save_policy"]

_HOMES = {"load_policy": "sim2real.checkpoints", "save_policy": "sim2real.checkpoints"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sim2real' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
