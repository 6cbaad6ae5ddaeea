"""A LaneFollow that is quick to build and to drive."""

import pytest

from envs import LaneFollow, registry
from envs.lane_follow.task import LaneFollowConfig


def short_lane(split: str, *, layout: int | None = None) -> LaneFollow:
    """With few layouts and episodes of two seconds."""
    if layout is not None:
        return LaneFollow(LaneFollowConfig(layouts=1, layout_seed=layout, episode_seconds=2.0, one_world=True))
    return LaneFollow(
        LaneFollowConfig(layouts=3, layout_seed={"test": 100, "validation": 200}.get(split, 0), episode_seconds=2.0)
    )


def shorten(patch: pytest.MonkeyPatch | None = None) -> None:
    """Let the name `LaneFollow` stand for it, for as long as the patch or this process lives."""
    (patch or pytest.MonkeyPatch()).setitem(registry._FACTORIES, "LaneFollow", short_lane)
