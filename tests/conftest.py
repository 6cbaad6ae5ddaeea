"""Shared by all tests: hypothesis without a deadline (kernels compile on first use), the lane, the device."""

import pytest
import warp as wp
from hypothesis import settings

from envs import LaneFollow, registry
from envs.lane_follow.task import LaneFollowConfig

# On top of hypothesis' own profile for CI, which repeats the same examples in every run.
settings.register_profile("sim2real", settings.default, deadline=None)
settings.load_profile("sim2real")


@pytest.fixture
def lane() -> LaneFollow:
    """LaneFollow with few layouts, which is quick to build; a task object serves one environment at a time."""
    return LaneFollow(LaneFollowConfig(layouts=3))


@pytest.fixture
def short_lane(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name `LaneFollow` then stands for few layouts and episodes of two seconds, for what is built on tasks."""

    def factory(split: str) -> LaneFollow:
        return LaneFollow(
            LaneFollowConfig(layouts=3, layout_seed={"test": 100, "validation": 200}.get(split, 0), episode_seconds=2.0)
        )

    monkeypatch.setitem(registry._FACTORIES, "LaneFollow", factory)
    return "LaneFollow"


@pytest.fixture(
    params=["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not wp.is_cuda_available(), reason="no CUDA device"))]
)
def device(request: pytest.FixtureRequest) -> str:
    """Where to render: every test that takes it runs on a GPU, too, where there is one."""
    return request.param
