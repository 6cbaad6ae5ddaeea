"""Export a policy into one folder that a robot's computer runs with NumPy, OpenCV and onnxruntime."""

import dataclasses
import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from envs import make_task
from policies.policy import Policy
from sim2real.checkpoints import CARD, load_policy, policy_folder, read_config
from sim2real.export import check, donkeycar_part
from sim2real.export.card import card
from sim2real.export.config import ExportConfig, ExportResult
from sim2real.export.exported import (
    DESCRIPTION,
    FORMAT_VERSION,
    FRAMES,
    MODEL,
    ExportedPolicy,
    describe_boundary,
)
from sim2real.export.graph import write_graph
from sim2real.export.lerobot import write_plugin
from sim2real.export.room import copy_room, renamed
from sim2real.export.samples import sample_frames
from sim2real.files import replaced_folder, write_file, write_json
from sim2real.recordings.interpretation import known_task
from sim2real.rehearsal.robot import boundary_of, home_of
from sim2real.robots.donkeycar import Pilot
from sim2real.runs import git_revision

RUNTIME = "sim2real_runtime"


def export_policy(config: ExportConfig, out: Path | str) -> ExportResult:
    """Write a policy with all that a robot's computer needs to run it; an older export in the folder is replaced.

    Raises:
        InputError: no such checkpoint, the exporter's libraries are not installed, the folder holds something else, or
            the policy's robot is none of the other program's (`config.target`).
        RuntimeError: the exported policy acts otherwise than the policy as trained.
        OSError: writing failed; an older export stays.
    """
    source = policy_folder(config.checkpoint)
    policy = load_policy(source)
    with replaced_folder(Path(out), DESCRIPTION) as folder:
        values = _describe(policy, source)
        write_graph(policy, folder / MODEL, {name: _text(value) for name, value in values.items()})
        model = (folder / MODEL).read_bytes()
        write_json(folder / DESCRIPTION, {**values, "sha256": hashlib.sha256(model).hexdigest()})
        images, state = sample_frames(policy, config.frames)
        seen = {policy.config.preprocessing.key: images} | ({"state": state} if policy.config.heads.state else {})
        np.savez_compressed(folder / FRAMES, images=images, state=state, actions=policy.act(seen))
        copy_room(folder / RUNTIME, RUNTIME)
        _copy(check.__file__, folder)
        largest = check.difference(ExportedPolicy(folder), folder / FRAMES)
        if not largest <= check.TOLERANCE:
            raise RuntimeError(f"the exported policy's actions differ by {largest:.1e} from those of {source}")
        if config.target == "lerobot":
            write_plugin(folder)
        elif config.target == "donkeycar":
            Pilot(ExportedPolicy(folder))  # raises an error
            _copy(donkeycar_part.__file__, folder)
        original = (source / CARD).read_text(encoding="utf-8") if (source / CARD).is_file() else ""
        write_file(folder / "README.md", card(values, largest, len(model), original).encode())
    return ExportResult(Path(out), len(model), largest)


def _copy(module: str, folder: Path) -> None:
    """Copy a module's file beside the runtime that it then imports."""
    text = Path(module).read_text(encoding="utf-8")
    write_file(folder / Path(module).name, renamed(text, RUNTIME).encode())


def _describe(policy: Policy, source: Path) -> dict[str, Any]:
    """Return what a robot's computer must know of a policy, as JSON values."""
    config = policy.config
    task = known_task(config.task)
    known: dict[str, Any] = {"control_dt": None, "boundary": None, "home": None}
    if task is not None:
        robot = make_task(config.task, "rehearsal")
        home = home_of(robot)
        known = {"control_dt": task.spec.control_dt, "boundary": describe_boundary(boundary_of(robot))}
        known["home"] = None if home is None else home.tolist()
    return {
        "format_version": FORMAT_VERSION,
        "task": config.task,
        "action_names": list(config.action_names),
        "state": config.heads.state,
        "preprocessing": json.loads(json.dumps(dataclasses.asdict(config.preprocessing))),
        **known,
        "weights": read_config(source).get("weights"),
        "sim2real": version("sim2real"),
        "code_revision": git_revision() or "unknown",
    }


def _text(value: Any) -> str:
    """Return a value as text for the metadata of an ONNX file."""
    return value if isinstance(value, str) else json.dumps(value)
