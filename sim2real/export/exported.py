"""An exported policy, run by onnxruntime; needs NumPy and OpenCV besides, and is copied into every export."""

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from envs.arms.control import JointControl
from policies.preprocessing import Preprocessing, network_input
from sim2real.errors import InputError
from sim2real.robots.boundary import Boundary, DirectBoundary, JointBoundary
from sim2real.robots.units import JointUnits

MODEL, DESCRIPTION, FRAMES = "policy.onnx", "policy.json", "frames.npz"
FORMAT_VERSION = 1


class ExportedPolicy:
    """Maps observations to actions, as `policies.policy.Policy` does.

    Args:
        folder: the folder of an export, with policy.onnx and policy.json.
        threads: processor threads of a call.

    Attributes:
        task: name of the policy's task.
        camera: name of the camera that it uses.
        action_names: names of the A actions.
        state: length S of its state input; 0: none.
        control_dt: control period that it was trained for [s]; None: unknown.
        boundary: conversion between the policy and its robot; None: unknown.
        home: (A,) pose in which its episodes begin, in physical units; None: any.
        description: the content of policy.json.

    Raises:
        InputError: no such folder, damaged files, another format, or onnxruntime is not installed.
    """

    def __init__(self, folder: Path | str, threads: int = 1) -> None:
        folder = Path(folder)
        self.description = _description(folder)
        try:
            self._read(self.description)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder / DESCRIPTION} does not describe a policy: {error!r}") from None
        try:
            model = (folder / MODEL).read_bytes()
        except OSError as error:
            raise InputError(f"{folder} has no readable {MODEL}: {error.strerror}") from None
        if hashlib.sha256(model).hexdigest() != self.description.get("sha256"):
            raise InputError(f"{folder / MODEL} is damaged, or of another export than {DESCRIPTION}: export again")
        self._session = _session(model, threads)

    def _read(self, values: Mapping[str, Any]) -> None:
        shapes = {name: tuple(values["preprocessing"][name]) for name in ("raw_size", "crop", "size")}
        self.preprocessing = Preprocessing(**{**values["preprocessing"], **shapes})
        self.task, self.camera = str(values["task"]), self.preprocessing.camera
        self.action_names, self.state = tuple(values["action_names"]), int(values["state"])
        self.control_dt: float | None = values["control_dt"]
        self.boundary = None if values["boundary"] is None else read_boundary(values["boundary"], self.control_dt)
        self.home = None if values["home"] is None else np.array(values["home"], float)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Map one observation to actions (A,) float32, or a batch to (n, A), in [-1, 1].

        Args:
            observation: "images.<camera>" (H, W, 3) or (n, H, W, 3) uint8 RGB of any size; "state" (S,) or (n, S).

        Raises:
            InputError: the policy's camera or state is missing, an image is invalid, or the state is not finite.
        """
        images, state = network_input(observation, self.preprocessing, self.state)
        given = {"images": images} if state is None else {"images": images, "state": state}
        (actions,) = self._session.run(["action"], given)
        return actions if np.ndim(observation[self.preprocessing.key]) == 4 else actions[0]


def _description(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is no export of a policy: cannot read {DESCRIPTION}: {error}") from None
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(f"{folder / DESCRIPTION} has format version {version!r}, not {FORMAT_VERSION}: export again")
    return content


def _session(model: bytes, threads: int) -> Any:
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError:
        raise InputError("an exported policy needs onnxruntime: pip install onnxruntime") from None
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def describe_boundary(boundary: Boundary) -> dict[str, Any]:
    """Return what `read_boundary` needs, as JSON values; raises InputError for a boundary of another kind."""
    if isinstance(boundary, DirectBoundary):
        names = {"state_names": list(boundary.state_names), "action_names": list(boundary.action_names)}
        return {"kind": "direct", "robot_type": boundary.robot_type, **names}
    if isinstance(boundary, JointBoundary) and isinstance(boundary.control, JointControl):
        control, units = boundary.control, boundary.units
        limits = {"lower": np.asarray(control.lower).tolist(), "upper": np.asarray(control.upper).tolist()}
        converted = {"mode": units.mode, "scale": list(units.scale), "zero": list(units.zero)}
        return {
            **{"kind": "joints", "robot_type": boundary.robot_type, "joints": list(boundary.joints)},
            **{"control": {**limits, "mode": control.mode, "step": control.step}, "units": converted},
        }
    raise InputError(f"a robot with a {type(boundary).__name__} cannot be exported")


def read_boundary(values: Mapping[str, Any], control_dt: float | None) -> Boundary:
    """Return the boundary of `describe_boundary`; raises KeyError, TypeError or ValueError for other values."""
    if values["kind"] == "direct":
        return DirectBoundary(values["robot_type"], tuple(values["state_names"]), tuple(values["action_names"]))
    if control_dt is None:
        raise ValueError("joints without a control period")
    control, units = values["control"], values["units"]
    limits = np.array(control["lower"], float), np.array(control["upper"], float)
    return JointBoundary(
        values["robot_type"],
        tuple(values["joints"]),
        JointControl(*limits, mode=control["mode"], step=float(control["step"])),
        JointUnits(units["mode"], tuple(units["scale"]), tuple(units["zero"])),
        control_dt,
    )
