# pyright: reportAttributeAccessIssue=false
"""Whether an arm runs into itself or the table: the hulls of its links, in a model that is for checking only."""

import mujoco
import numpy as np

from envs.arms.arm import Arm

DEEP = 0.02  # m that hulls overlap: genuine logs, which rest folded and grasp from the table, reach 0.019
_EDGE = 1.0  # m, half the table


class Clearance:
    """The links' hulls and the table of an arm.

    Args:
        arm: an arm with `hulls`.
    """

    def __init__(self, arm: Arm) -> None:
        assert arm.hulls is not None
        spec = arm.hulls()
        spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[_EDGE, _EDGE, 0.1])
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._joints = np.array([int(self._model.joint(name).qposadr[0]) for name in arm.joints])

    def depth(self, position: np.ndarray) -> tuple[float, str]:
        """Return by how much [m] hulls overlap most at joint positions (J,) rad, and which: "wrist and table"."""
        self._data.qpos[self._joints] = position
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        worst = min(self._data.contact, key=lambda each: each.dist, default=None)
        if worst is None:
            return 0.0, ""
        return max(-float(worst.dist), 0.0), " and ".join(sorted(self._named(int(geom)) for geom in worst.geom))

    def _named(self, geom: int) -> str:
        body = int(self._model.geom_bodyid[geom])
        return self._model.body(body).name if body else "table"

    def blocked(self, target: np.ndarray, position: np.ndarray) -> str:
        """Return what a target (J,) rad would run into by more than DEEP; empty if nothing, or on the way out of it."""
        depth, what = self.depth(target)
        if depth <= DEEP or depth <= self.depth(position)[0]:
            return ""
        return f"{what} would overlap by {1000 * depth:.0f} mm"
