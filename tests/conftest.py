"""Shared by all tests: hypothesis without limits in seconds (machines may be busy), the lane, the device."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import warp as wp
from hypothesis import HealthCheck, settings

import countdown
import lanes
import models
from drawn_track import write_drawn_track
from envs import LaneFollow
from envs.lane_follow.task import LaneFollowConfig

# On top of hypothesis' own profile for CI, which repeats the same examples in every run.
settings.register_profile("sim2real", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sim2real")
pytest_configure = countdown.pytest_configure


@pytest.fixture(scope="session", autouse=True)
def shared_models() -> Iterator[None]:
    """Tasks of one configuration share what takes long to make."""
    with pytest.MonkeyPatch.context() as patch:
        models.share(patch)
        yield


@pytest.fixture(scope="session")
def rebuilt_tracks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the rebuilt track `oval`, where `LaneFollow:oval` finds it."""
    root = tmp_path_factory.mktemp("tracks")
    write_drawn_track(root / "oval", shrink=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIM2REAL_TRACKS", str(root))
        yield root


@pytest.fixture
def lane() -> LaneFollow:
    """LaneFollow with few layouts, which is quick to build; a task object serves one environment at a time."""
    return LaneFollow(LaneFollowConfig(layouts=3))


@pytest.fixture
def short_lane(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name `LaneFollow` then stands for few layouts and episodes of two seconds, for what is built on tasks."""
    lanes.shorten(monkeypatch)
    return "LaneFollow"


@pytest.fixture(
    params=["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not wp.is_cuda_available(), reason="no CUDA device"))]
)
def device(request: pytest.FixtureRequest) -> str:
    """Where to render: every test that takes it runs on a GPU, too, where there is one."""
    return request.param
