"""Shared by all tests: hypothesis without a deadline (kernels compile on first use), and the worlds they look at."""

import mujoco
import pytest
from hypothesis import settings

from envs import LaneFollow
from envs.lane_follow.task import LaneFollowConfig

# On top of hypothesis' own profile for CI, which repeats the same examples in every run.
settings.register_profile("sim2real", settings.default, deadline=None)
settings.load_profile("sim2real")

ARM = """
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <light name="lamp" pos="0 0 3" diffuse="0.5 0.5 0.5"/>
    <camera name="eye" pos="0 -2 1" xyaxes="1 0 0 0 0.5 1"/>
    <geom name="floor" type="plane" size="2 2 0.1"/>
    <body name="upper" pos="0 0 0.5">
      <joint name="shoulder" axis="0 1 0" damping="0.1"/>
      <geom name="upper" type="capsule" fromto="0 0 0 0.3 0 0" size="0.03" rgba="0.2 0.4 0.6 1"/>
      <body name="lower" pos="0.3 0 0">
        <joint name="elbow" axis="0 1 0" damping="0.2"/>
        <geom name="lower" type="box" size="0.1 0.02 0.02" pos="0.1 0 0" rgba="0.6 0.4 0.2 1"/>
        <geom name="lower_tip" type="sphere" size="0.03" pos="0.2 0 0"/>
      </body>
    </body>
    <body name="load" pos="1 0 0.5">
      <freejoint name="floating"/>
      <geom name="load" type="box" size="0.05 0.1 0.15"/>
    </body>
  </worldbody>
  <actuator>
    <position name="shoulder" joint="shoulder" kp="5"/>
    <position name="elbow" joint="elbow" kp="3"/>
  </actuator>
</mujoco>
"""


@pytest.fixture(scope="session")
def arm() -> mujoco.MjModel:
    """Two hinges, a floating box, a lamp and a camera: small, but with something of every kind to randomize."""
    return mujoco.MjModel.from_xml_string(ARM)


@pytest.fixture
def lane() -> LaneFollow:
    """LaneFollow with few layouts, which is quick to build; a task object serves one environment at a time."""
    return LaneFollow(LaneFollowConfig(layouts=3))
