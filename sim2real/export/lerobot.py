"""An exported policy as a plugin of LeRobot: a distribution to install, and a folder for its `--policy.path`."""

import shutil
from pathlib import Path
from typing import Any

from sim2real.export.exported import DESCRIPTION, MODEL, ExportedPolicy
from sim2real.export.plugin.episode import joint_boundary
from sim2real.export.room import copy_room, renamed
from sim2real.files import write_file, write_json

PACKAGE = "lerobot_policy_sim2real"  # LeRobot imports installed distributions whose name begins lerobot_policy_
CHECKPOINT = "checkpoint"
_SOURCE = "sim2real.export.plugin"
_TEMPLATES = Path(__file__).parent / "templates/lerobot"
_FILES = {"pyproject.in": "pyproject.toml", "README.md": "README.md", "env.py": "env.py"}  # that name the task
_INIT = f"""\"\"\"Sim2Real's policies in LeRobot, and a camera that is an address; LeRobot imports this.\"\"\"

from {PACKAGE}.configuration_sim2real import Sim2RealConfig
from {PACKAGE}.urlcamera import UrlCameraConfig

__all__ = ["Sim2RealConfig", "UrlCameraConfig"]
"""


def write_plugin(export: Path) -> Path:
    """Write the plugin into the folder `lerobot` of a finished export, and return it.

    Raises:
        InputError: the policy is not an arm's.
        OSError: reading or writing failed.
    """
    policy, folder = ExportedPolicy(export), export / "lerobot"
    joint_boundary(policy)
    package = folder / PACKAGE
    copy_room(package / "runtime", f"{PACKAGE}.runtime")
    for file in sorted((Path(__file__).parent / "plugin").glob("*_sim2real.py")):
        _copy(file, package)
    for name in ("episode.py", "urlcamera.py"):
        _copy(Path(__file__).parent / "plugin" / name, package)
    write_file(package / "__init__.py", _INIT.encode())
    _fill(folder, policy)
    _write_checkpoint(folder / CHECKPOINT, export, policy)
    return folder


def _copy(file: Path, package: Path) -> None:
    text = file.read_text(encoding="utf-8").replace(_SOURCE, PACKAGE)
    write_file(package / file.name, renamed(text, f"{PACKAGE}.runtime").encode())


def _fill(folder: Path, policy: ExportedPolicy) -> None:
    """Write the files that name the policy's task."""
    assert policy.control_dt is not None
    width, height = policy.preprocessing.raw_size
    known = {
        "TASK": policy.task,
        "CAMERA": policy.camera,
        "FPS": f"{1 / policy.control_dt:g}",
        "WIDTH": str(width),
        "HEIGHT": str(height),
        "VERSION": str(policy.description["sim2real"]),
    }
    for template, name in _FILES.items():
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        for key, value in known.items():
            text = text.replace(f"@{key}@", value)
        write_file(folder / name, text.encode())


def _write_checkpoint(folder: Path, export: Path, policy: ExportedPolicy) -> None:
    write_json(folder / "config.json", _settings(policy))
    cpu = {"registry_name": "device_processor", "config": {"device": "cpu", "float_dtype": None}}
    rename = {"registry_name": "rename_observations_processor", "config": {"rename_map": {}}}
    before = [rename, {"registry_name": "to_batch_processor", "config": {}}, cpu]
    for name, steps in (("policy_preprocessor", before), ("policy_postprocessor", [cpu])):
        write_json(folder / f"{name}.json", {"name": name, "steps": steps})
    for name in (MODEL, DESCRIPTION):
        shutil.copyfile(export / name, folder / name)


def _settings(policy: ExportedPolicy) -> dict[str, Any]:
    """Return the content of config.json."""
    width, height = policy.preprocessing.raw_size
    names = list(joint_boundary(policy).action_names)
    return {
        "type": "sim2real",
        "n_obs_steps": 1,
        "input_features": {
            f"observation.images.{policy.camera}": {"type": "VISUAL", "shape": [3, height, width]},
            "observation.state": {"type": "STATE", "shape": [len(names)]},
        },
        "output_features": {"action": {"type": "ACTION", "shape": [len(names)]}},
        "device": "cpu",
        "action_feature_names": names,
    }
