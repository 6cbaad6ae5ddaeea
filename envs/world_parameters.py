# pyright: reportAttributeAccessIssue=false
"""All randomizable quantities of a batch of worlds: model fields, sensors, lenses, task parameters."""

from dataclasses import replace
from functools import cached_property

import mujoco
import numpy as np
from mujoco.batch import MODEL_FIELDS, Batch, SimulationError

from envs.camera import Camera
from envs.errors import InputError, suggest
from envs.randomization import Target

LENS = {"zoom": 1.0, "cx": 0.0, "cy": 0.0, "k1": 0.0, "k2": 0.0}  # zoom scales fx and fy; the others are added
COEFFICIENT = {"camera.k1": 0, "camera.k2": 1}  # index among the lens's distortion coefficients
ROTATION = ("pitch", "yaw", "roll")  # rad, added to the camera's mounting: down, right, clockwise in the image

_OBJECTS = {
    "geom": mujoco.mjtObj.mjOBJ_GEOM,
    "mat": mujoco.mjtObj.mjOBJ_MATERIAL,
    "light": mujoco.mjtObj.mjOBJ_LIGHT,
    "cam": mujoco.mjtObj.mjOBJ_CAMERA,
    "body": mujoco.mjtObj.mjOBJ_BODY,
    "jnt": mujoco.mjtObj.mjOBJ_JOINT,
    "actuator": mujoco.mjtObj.mjOBJ_ACTUATOR,
    "site": mujoco.mjtObj.mjOBJ_SITE,
    "tendon": mujoco.mjtObj.mjOBJ_TENDON,
    "eq": mujoco.mjtObj.mjOBJ_EQUALITY,
    "pair": mujoco.mjtObj.mjOBJ_PAIR,
}


def _names(model: mujoco.MjModel, field: str, count: int) -> tuple[str, ...]:
    kind = field.split("_")[0]
    if kind == "dof":
        return tuple(model.joint(int(j)).name for j in model.dof_jntid)
    if kind in _OBJECTS:
        return tuple(mujoco.mj_id2name(model, _OBJECTS[kind], i) or "" for i in range(count))
    return tuple([field] * count)


class WorldParameters:
    """Resolves field names to live arrays over n worlds, and updates derived quantities.

    Args:
        model: the model of the batch.
        batch: n worlds; its fields are expanded when they are first used.
        cameras: lenses by name.
        groups: further arrays by prefix, `{"task": {"slack": (n, k)}, "sensor": {...}}`.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        batch: Batch,
        cameras: dict[str, Camera],
        groups: dict[str, dict[str, np.ndarray]],
    ) -> None:
        self._model, self._batch, self._cameras = model, batch, cameras
        n = batch.nsim
        own = {name: np.full((n, 1), value) for name, value in LENS.items()} | {r: np.zeros((n, 1)) for r in ROTATION}
        self._groups = {"camera": own, **groups}
        self._touched: set[str] = set()
        # As drawn; the live arrays of mass and camera rotation include these values.
        self._own = {name: np.tile(getattr(model, name), (n, 1, 1)) for name in ("body_inertia", "cam_quat")}

    def resolve(self, field: str) -> Target:
        """Return the Target of a field.

        Raises:
            InputError: no such field (similar or all valid names are listed), or one that no camera has.
        """
        prefix, _, name = field.partition(".")
        if prefix in self._groups:
            if name not in self._groups[prefix]:
                raise InputError(f"no randomizable field {field!r}: {suggest(name, self._groups[prefix])}")
            if field in COEFFICIENT:
                self._check_lens(field)
            values = self._groups[prefix][name]
            self._touched.add(field)
            return Target(values[:, None], values[:1].copy(), (prefix,))
        if field not in MODEL_FIELDS or (not hasattr(self._model, field) and not field.startswith("opt.")):
            valid = [name for name in MODEL_FIELDS if np.size(_get(self._model, name))]
            valid += [f"{p}.{k}" for p, group in self._groups.items() for k in group]
            raise InputError(f"no randomizable field {field!r}: {suggest(field, valid)}")
        nominal = np.atleast_1d(np.array(_get(self._model, field), float))
        if nominal.size == 0:
            raise InputError(f"{field}: this model has none")
        nominal = nominal.reshape(len(nominal), -1)
        if field.startswith("opt."):
            nominal = nominal.reshape(1, -1)
        live = self._own[field] if field in self._own else self._batch.expand(field)
        values = live.reshape(self._batch.nsim, *nominal.shape)
        self._touched.add(field)
        return Target(values, nominal, _names(self._model, field, len(nominal)))

    def _check_lens(self, field: str) -> None:
        """Raise InputError for a distortion coefficient that no lens has, which would have no effect."""
        if not any(len(camera.distortion) > COEFFICIENT[field] for camera in self._cameras.values()):
            which = ", ".join(f"{name} ({camera.model})" for name, camera in self._cameras.items()) or "there is none"
            raise InputError(
                f"{field}: no camera has this coefficient of a lens: {which}; leave the field out, or give the camera"
                " as brown-conrady or fisheye (distortion of zeros for a lens without)"
            )

    @property
    def model_fields(self) -> tuple[str, ...]:
        """Return the resolved model fields."""
        return tuple(sorted(f for f in self._touched if f.partition(".")[0] not in self._groups))

    @cached_property
    def _derives(self) -> bool:
        """Return whether worlds have individual values from which MuJoCo derives constants.

        This concerns not only masses: a geom rotated by the task stays unrotated while `geom_sameframe` says that its
        frame is the body's.
        """
        inputs = {f for f in MODEL_FIELDS if f in mujoco.MjModel._setconst_inputs or f.startswith("opt.")}
        return any(self._batch.expanded(f) is not None for f in inputs)

    def follow(self, ids: np.ndarray) -> None:
        """Update quantities derived from new values, including the task's, in worlds ids (m,).

        These are inertia, the camera's rotation and the constants that MuJoCo derives from the model's fields.

        Raises:
            InputError: MuJoCo cannot compute these constants from the values.
        """
        batch, model = self._batch, self._model
        if self._touched & {"body_mass", "body_inertia"}:
            ratio = batch.expand("body_mass")[ids] / np.where(model.body_mass > 0, model.body_mass, 1)
            batch.expand("body_inertia")[ids] = self._own["body_inertia"][ids] * ratio[..., None]
        if self._touched & {"cam_quat", *(f"camera.{name}" for name in ROTATION)}:
            pitch, yaw, roll = (self._groups["camera"][name][ids, 0] for name in ROTATION)
            turn = _quat_from_camera_angles(pitch, yaw, roll)
            mounted, quat = self._own["cam_quat"], batch.expand("cam_quat")
            quat[ids] = mounted[ids]
            for name in self._cameras:
                camera = model.camera(name).id
                quat[ids, camera] = _quat_multiply(mounted[ids, camera], turn)
        if self._derives:
            try:
                batch.set_const(ids)
            except SimulationError as error:
                varied = ", ".join(self.model_fields)
                raise InputError(f"MuJoCo refuses a model with {varied} as drawn: {error}") from None

    @property
    def own_lens(self) -> bool:
        """Return whether lenses differ between worlds."""
        return any(f"camera.{name}" in self._touched for name in LENS)

    def lenses(self, name: str, ids: np.ndarray) -> list[Camera]:
        """Return the lens of camera name in worlds ids (m,)."""
        base, own = self._cameras[name], self._groups["camera"]
        cameras = []
        for i in ids:
            zoom, cx, cy, k1, k2 = (float(own[key][i, 0]) for key in LENS)
            distortion = list(base.distortion)
            for k, change in enumerate((k1, k2)[: len(distortion)]):
                distortion[k] += change
            lens = {"fx": base.fx * zoom, "fy": base.fy * zoom, "cx": base.cx + cx, "cy": base.cy + cy}
            cameras.append(replace(base, **lens, distortion=tuple(distortion)))
        return cameras


def _get(model: mujoco.MjModel, field: str) -> np.ndarray | float:
    return getattr(model.opt, field[4:]) if field.startswith("opt.") else getattr(model, field)


def _quat_from_camera_angles(pitch: np.ndarray, yaw: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Return rotations (m, 4) in MuJoCo's camera frame (x right, y up, z back): pitch down, yaw right, then roll."""
    zero = np.zeros_like(pitch)
    about_x = np.stack([np.cos(pitch / 2), -np.sin(pitch / 2), zero, zero], -1)
    about_y = np.stack([np.cos(yaw / 2), zero, -np.sin(yaw / 2), zero], -1)
    about_z = np.stack([np.cos(roll / 2), zero, zero, -np.sin(roll / 2)], -1)
    return _quat_multiply(_quat_multiply(about_y, about_x), about_z)


def _quat_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Hamilton product of quaternions (..., 4), w x y z."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b), -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )
