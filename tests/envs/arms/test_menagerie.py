"""Arms of MuJoCo Menagerie, from a folder that stands in for the download."""

from pathlib import Path

import numpy as np
import pytest

from envs import BatchEnv, make_task
from envs.arms.menagerie import find_arm
from envs.arms.so101 import SO101

NAME = "universal_robots_ur5e"
STAND_IN = """
<mujoco>
  <default><position kp="200" kv="20" forcerange="-80 80"/></default>
  <worldbody>
    <body name="base"><geom size="0.06 0.05" type="cylinder" pos="0 0 0.05"/>
      <body name="upper" pos="0 0 0.15"><joint name="lift" axis="0 1 0" range="-2 2" armature="0.1" damping="1"/>
        <geom type="capsule" size="0.04" fromto="0 0 0 0.3 0 0.2"/>
        <body name="lower" pos="0.3 0 0.2"><joint name="elbow" axis="0 1 0" range="-2 2" armature="0.1"/>
          <geom type="capsule" size="0.03" fromto="0 0 0 0.3 0 0" group="3"/>
          <body name="flange" pos="0.3 0 0"><joint name="slide" type="slide" axis="1 0 0" range="0 0.1"/>
            <geom size="0.02"/></body></body></body></body>
  </worldbody>
  <actuator><position name="first" joint="lift" ctrlrange="-2 2"/><position name="second" joint="elbow"/>
    <position name="third" joint="slide"/></actuator>
  <keyframe><key name="home" qpos="0.2 0.4 0" ctrl="0.2 0.4 0"/></keyframe>
</mujoco>"""


@pytest.fixture
def menagerie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout of Menagerie with an arm of two joints in it."""
    (tmp_path / NAME).mkdir()
    for name in ("scene.xml", "ur5e.xml"):
        (tmp_path / NAME / name).write_text(STAND_IN)
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))


def test_its_servos_are_those_of_the_model(menagerie):
    arm = find_arm(NAME)
    assert arm.joints == ("lift", "elbow")  # the third moves a slide
    assert arm.servos[0].gain == 200 and arm.servos[0].braking == 20 and arm.servos[0].torque == 80
    np.testing.assert_allclose(arm.nominal["damping"], [1, 0])
    assert arm.home == (0.2, 0.4)
    assert arm.size > 2  # its hand is farther out than the SO-101's


def test_it_does_a_task(menagerie):
    env = BatchEnv(make_task(f"Reach:{NAME}"), 2, randomization="default")
    assert env.task_spec.name == f"Reach:{NAME}" and env.single_action_space.shape == (2,)
    observation, _ = env.reset(seed=0)
    for _ in range(20):
        env.step(np.ones((2, 2)))
    observation, reward, *_ = env.step(np.ones((2, 2)))
    assert np.isfinite(reward).all() and observation["images.front"].std() > 5
    env.close()


def test_it_cannot_lift_without_fingers(menagerie):
    with pytest.raises(ValueError, match="Lift needs an arm with known fingers"):
        make_task(f"Lift:{NAME}")


@pytest.mark.slow
def test_an_arm_that_cannot_be_downloaded_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MENAGERIE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("MENAGERIE_BASE_URL", "http://127.0.0.1:9/")  # nobody listens
    with pytest.raises(ValueError, match=f"cannot load {NAME} from MuJoCo Menagerie"):
        find_arm(NAME)


def test_near_misses_are_listed():
    with pytest.raises(ValueError, match=r"did you mean.*franka_emika_panda"):
        find_arm("franka_emika_pandas")


def test_the_so101_needs_no_download():
    assert find_arm("so101") is SO101
