# pyright: reportAttributeAccessIssue=false
"""The worlds of an arm, shared by its tasks: live arrays, servos, positions of gripper and objects."""

from collections.abc import Mapping

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.arms.arm import Arm
from envs.arms.control import JointControl
from envs.arms.dressing import Dressing
from envs.arms.servo import PARAMETERS, Servos
from envs.random import WorldRandom

START_NOISE = 0.12  # rad, of the joints at an episode's start; the base turns further
START_PAN = 0.5


class ArmWorld:
    """n worlds of an arm on a table; arrays are live and valid after `measure`.

    Args:
        model: model of `scene.build_model` for the arm.

    Lengths for tasks are in units of the arm's size: metres for the SO-101, more for larger arms.

    Attributes:
        parameters: (n, J) values of every servo parameter, which a randomization may vary.
        target: (n, J) rad, last targets of the servos.
        tool: (n, 3), the fingertip; `tool_axis` (n, 3): direction of the gripper; `grasp` (n, 3): between the fingers.
        cube: (n, 3); `cube_turn` (n,) rad about the vertical, in [-pi/4, pi/4); `cube_velocity` (n, 3) per second.
        goal: (n, 3).
    """

    def __init__(
        self,
        arm: Arm,
        model: mujoco.MjModel,
        control: JointControl,
        batch: Batch,
        random: WorldRandom,
        nominal: Mapping[str, np.ndarray],
    ) -> None:
        n, self.arm, self.control, self._batch, self._random = batch.nsim, arm, control, batch, random
        self.servos = Servos(model, batch, arm.joints)
        self.parameters = {name: np.tile(nominal[name], (n, 1)) for name in PARAMETERS}
        self._joints = self.servos.qpos
        self._dofs = np.array([model.joint(name).dofadr[0] for name in arm.joints])
        self._qpos, self._qvel = batch.bind("qpos"), batch.bind("qvel")
        self._site_pos, self._site_mat = batch.bind("site_xpos"), batch.bind("site_xmat")
        self._tool = model.site(arm.tool).id
        names = {model.geom(i).name for i in range(model.ngeom)}
        self._cube = int(model.joint("cube").qposadr[0]) if "cube" in names else None
        self._cube_dof = int(model.joint("cube").dofadr[0]) if "cube" in names else 0
        self._goal = model.geom("goal").id if "goal" in names else None
        self._geom_pos = batch.expand("geom_pos")
        self._dressing = Dressing(model, batch, arm.size)
        self.target = np.zeros((n, len(arm.joints)))
        self.action, self.last_action = np.zeros_like(self.target), np.zeros_like(self.target)
        self.tool, self.tool_axis, self.grasp = np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((n, 3))

    @property
    def position(self) -> np.ndarray:
        """Return (n, J) rad, joint positions."""
        return self._qpos[:, self._joints]

    @property
    def velocity(self) -> np.ndarray:
        """Return (n, J) rad/s, joint velocities."""
        return self._qvel[:, self._dofs]

    @property
    def squeeze(self) -> np.ndarray:
        """Return (n,) rad, the gripper's position minus its target while closing."""
        assert self.arm.gripper is not None
        jaw = self.arm.joints.index(self.arm.gripper)
        return self.position[:, jaw] - self.target[:, jaw]

    @property
    def goal(self) -> np.ndarray:
        return self._geom_pos[:, self._goal] / self.arm.size

    @property
    def cube(self) -> np.ndarray:
        assert self._cube is not None
        return self._qpos[:, self._cube : self._cube + 3] / self.arm.size

    @property
    def cube_velocity(self) -> np.ndarray:
        return self._qvel[:, self._cube_dof : self._cube_dof + 3] / self.arm.size

    @property
    def cube_turn(self) -> np.ndarray:
        assert self._cube is not None
        w, z = self._qpos[:, self._cube + 3], self._qpos[:, self._cube + 6]
        return (2 * np.arctan2(z, w) + np.pi / 4) % (np.pi / 2) - np.pi / 4

    def reset(self, ids: np.ndarray, jaw: float = 0.0) -> None:
        """Reset worlds ids (m,) near the home pose, the gripper at `jaw` [rad], with new clutter and walls."""
        u = 2 * self.uniform(ids, len(self.arm.joints)) - 1
        start = np.array(self.arm.home) + START_NOISE * u
        start[:, 0] = self.arm.home[0] + START_PAN * u[:, 0]
        if self.arm.gripper is not None:
            start[:, self.arm.joints.index(self.arm.gripper)] = jaw
        self.start(ids, start)
        self._dressing.dress(ids, self._random)

    def start(self, ids: np.ndarray, position: np.ndarray) -> None:
        """Start worlds ids (m,), just reset by MuJoCo, with joints at rest at `position` (m, J) [rad]."""
        self._qpos[np.ix_(ids, self._joints)] = position
        self.servos.set(ids, {name: values[ids] for name, values in self.parameters.items()})
        self.servos.hold(ids, position)
        self.target[ids] = position
        self.action[ids] = self.last_action[ids] = 0

    def place_cube(self, ids: np.ndarray, place: np.ndarray, turn: np.ndarray) -> None:
        """Place the cubes of worlds ids (m,) at `place` (m, 3), rotated by `turn` (m,) [rad] about the vertical."""
        assert self._cube is not None
        quat = np.stack([np.cos(turn / 2), 0 * turn, 0 * turn, np.sin(turn / 2)], 1)
        self._qpos[ids, self._cube : self._cube + 7] = np.concatenate([self.arm.size * place, quat], 1)

    def place_goal(self, ids: np.ndarray, place: np.ndarray) -> None:
        """Place the goals of worlds ids (m,) at `place` (m, 3)."""
        self._geom_pos[ids, self._goal] = self.arm.size * place

    def uniform(self, ids: np.ndarray, k: int) -> np.ndarray:
        """Return (m, k) random numbers in [0, 1) for worlds ids (m,)."""
        return self._random.uniform(ids, k)

    def on_table(self, ids: np.ndarray, reach: tuple[float, float], spread: float) -> np.ndarray:
        """Return (m, 2) random positions within `reach` of the base, up to `spread` [rad] to either side."""
        u = self.uniform(ids, 2)
        far = np.sqrt(reach[0] ** 2 + (reach[1] ** 2 - reach[0] ** 2) * u[:, 0])
        angle = spread * (2 * u[:, 1] - 1)
        return np.stack([far * np.cos(angle), far * np.sin(angle)], 1)

    def act(self, action: np.ndarray) -> None:
        """Apply actions (n, J) in [-1, 1]."""
        self.last_action[:] = self.action
        self.action[:] = np.clip(action, -1, 1)
        self.target[:] = self.control.target(self.action, self.target, self.position)
        self.servos.command(self.target)

    def measure(self, ids: np.ndarray | None) -> None:
        """Update the gripper's pose; after a reset only for ids (m,), which MuJoCo has not processed yet."""
        if ids is not None:
            self._batch.forward(ids, stage=int(mujoco.mjtStage.mjSTAGE_POS))
        where = slice(None) if ids is None else ids
        self.tool[where] = self._site_pos[where, self._tool] / self.arm.size
        frame = self._site_mat.reshape(len(self.tool), -1, 3, 3)[where, self._tool]
        self.tool_axis[where] = frame[..., 0]
        self.grasp[where] = self.tool[where] + frame @ np.array(self.arm.grasp) / self.arm.size
