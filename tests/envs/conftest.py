# pyright: reportAttributeAccessIssue=false
"""Models and helpers for the tests of `envs`."""

import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch

from envs import LaneFollow
from envs.lane_follow.track import Track
from envs.random import WorldRandom

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

# A camera looks along y at what stands on a floor; box, ball, mesh, texture and light can be told apart.
SCENE = """
<mujoco>
  <asset>
    <texture name="plain" type="2d" builtin="flat" rgb1="1 1 1" rgb2="1 1 1" width="64" height="64"/>
    <texture name="checks" type="2d" builtin="checker" rgb1="1 1 1" rgb2="0.2 0.2 0.2" width="64" height="64"/>
    <material name="cloth" texture="plain" texrepeat="3 3" rgba="0.3 0.5 0.7 1"/>
    <mesh name="tetra" vertex="0 0 0  0.8 0 0  0 0.8 0  0 0 0.8"/>
    <mesh name="slab" vertex="0 0 0  1 0 0  1 0.2 0  0 0.2 0  0 0 0.3  1 0 0.3  1 0.2 0.3  0 0.2 0.3"/>
  </asset>
  <visual><headlight ambient="0.4 0.4 0.4" diffuse="0 0 0" specular="0 0 0"/></visual>
  <worldbody>
    <light name="sun" type="directional" dir="0.3 0.5 -1" diffuse="0.6 0.6 0.6"/>
    <light name="lamp" pos="0.5 1 2" type="point" diffuse="0.2 0.2 0.2"/>
    <camera name="eye" pos="0 0 0.5" xyaxes="1 0 0 0 0 1" fovy="70"/>
    <camera name="other" pos="0 -1 3" xyaxes="1 0 0 0 0.7 0.7"/>
    <geom name="floor" type="plane" size="0 0 1" rgba="0.5 0.5 0.5 1"/>
    <geom name="box" type="box" size="0.3 0.3 0.3" pos="-0.7 2 0.5" material="cloth"/>
    <geom name="ball" type="sphere" size="0.3" pos="0.7 2 0.8" rgba="0.8 0.6 0.2 1"/>
    <geom name="thing" type="mesh" mesh="tetra" pos="0 2.5 0.3" rgba="0.2 0.8 0.3 1"/>
    <geom name="hidden" type="sphere" size="0.2" pos="0 1 0.5" group="3"/>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="session")
def arm() -> mujoco.MjModel:
    """Two hinges, a floating box, a lamp and a camera: small, but with something of every kind to randomize."""
    return mujoco.MjModel.from_xml_string(ARM)


@pytest.fixture(scope="session")
def scene() -> mujoco.MjModel:
    """Something of everything that the renderer draws."""
    return mujoco.MjModel.from_xml_string(SCENE)


def nearest(track: Track, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed offset (m, positive left), way (m) and heading (rad) of the centre line nearest to places (k, 2)."""
    start = track.points
    edge = np.roll(start, -1, 0) - start
    share = np.clip(((places[:, None] - start) * edge).sum(-1) / (edge**2).sum(-1), 0, 1)
    gap = places[:, None] - (start + share[..., None] * edge)
    best = np.linalg.norm(gap, axis=-1).argmin(1)
    rows = np.arange(len(places))
    gap, edge = gap[rows, best], edge[best]
    heading = np.arctan2(edge[:, 1], edge[:, 0])
    offset = np.cos(heading) * gap[:, 1] - np.sin(heading) * gap[:, 0]
    return offset, (best + share[rows, best]) * track.length / len(start), heading


class Cars:
    """Cars in the worlds of a lane task, without an environment around them: no episode ends."""

    def __init__(self, task: LaneFollow, worlds: int, seed: int = 0) -> None:
        self.task, self.batch, self.everyone = task, Batch(task.model, worlds, 1), np.arange(worlds)
        task.attach(self.batch, WorldRandom(self.everyone + seed))
        self.qpos, self.qvel = self.batch.bind("qpos"), self.batch.bind("qvel")
        self.batch.reset(stage=0)
        task.reset(self.everyone)
        self.batch.set_const()  # or geoms that the task turns stay unturned
        task.measure(self.everyone)

    def place(self, layout: int, at: np.ndarray, offset: float = 0.0, turned: float = 0.0, speed: float = 0.0) -> None:
        """Put the cars at samples `at` of a layout's centre line, offset to the left and turned to the left of it."""
        track = self.task.tracks[layout]
        yaw = track.heading[at] + turned
        self.task.layout[:] = layout
        self.task._at[:] = at  # where reset() would have left it
        self.qpos[:, :2] = track.points[at] + offset * track.normal[at]
        self.qpos[:, 3:7] = np.stack([np.cos(yaw / 2), 0 * yaw, 0 * yaw, np.sin(yaw / 2)], 1)
        self.qvel[:] = 0
        self.qvel[:, :2] = speed * np.stack([np.cos(yaw), np.sin(yaw)], 1)
        for wheel in ("front_left", "front_right", "rear_left", "rear_right"):
            self.qvel[:, self.task.model.joint(f"roll_{wheel}").dofadr[0]] = speed / 0.033
        self.task.measure(self.everyone)

    @property
    def yaw(self) -> np.ndarray:
        """(n,) rad in the world, counter-clockwise from above."""
        return 2 * np.arctan2(self.qpos[:, 6], self.qpos[:, 3])

    def drive(self, steering: float | np.ndarray, throttle: float | np.ndarray, steps: int = 1) -> None:
        action = np.stack(np.broadcast_arrays(steering, throttle, self.everyone)[:2], 1)
        for _ in range(steps):
            self.task.act(action)
            self.batch.step(nstep=5)
            self.task.measure()

    def brute_force(self) -> np.ndarray:
        """(3, n): offset, way and heading error of every car."""
        result = np.zeros((3, len(self.everyone)))
        for layout, track in enumerate(self.task.tracks):
            here = self.task.layout == layout
            offset, way, heading = nearest(track, self.qpos[here, :2])
            result[:, here] = offset, way, (self.yaw[here] - heading + np.pi) % (2 * np.pi) - np.pi
        return result


@pytest.fixture
def cars() -> type[Cars]:
    """The class: cars(task, worlds)."""
    return Cars
