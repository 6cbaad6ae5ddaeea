# pyright: reportAttributeAccessIssue=false
"""Layouts and models made once for all tests: those of one configuration are alike, and a model is copied quickly."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import mujoco
import pytest

from envs.arms import task as arms
from envs.lane_follow import task as lane
from envs.lane_follow.track import Track


def share(patch: pytest.MonkeyPatch) -> None:
    """Let tasks take the layouts and models that an earlier task made, for as long as the patch lives."""
    patch.setattr(lane, "generate_track", functools.cache(_read_only(lane.generate_track)))
    patch.setattr(lane, "build_model", _copied(lane.build_model))
    patch.setattr(arms, "build_model", _copied(arms.build_model))


def _read_only(generate: Callable[..., Track]) -> Callable[..., Track]:
    def generated(*words: Any) -> Track:
        track = generate(*words)
        for value in vars(track).values():
            if hasattr(value, "flags"):
                value.flags.writeable = False
        return track

    return generated


def _copied(build: Callable[..., mujoco.MjModel]) -> Callable[..., mujoco.MjModel]:
    """A task may change its model: each gets a copy of its own."""
    built: dict[Any, tuple[Any, mujoco.MjModel]] = {}

    def model(*words: Any, **options: Any) -> mujoco.MjModel:
        # Layouts go by what they are, not by what they hold; they are kept, so that no other takes their identity.
        key = (*(tuple(map(id, word)) if isinstance(word, list) else word for word in words), *sorted(options.items()))
        if key not in built:
            built[key] = (words, build(*words, **options))
        return copy.copy(built[key][1])

    return model
