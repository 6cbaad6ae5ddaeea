"""Worlds from user settings: a randomization by name or file, cameras of the user or of a checkpoint."""

import json
import os
from pathlib import Path

from envs import BatchEnv, Camera, Randomization, make_task
from envs.batch_env import with_cameras
from envs.task import TaskSpec
from sim2real.checkpoints import read_config
from sim2real.errors import InputError


def load_randomization(task: str, name: str) -> Randomization | str:
    """Return a preset's name unchanged, or the randomization of a TOML file; the environment checks preset names."""
    return Randomization.load(name) if name.endswith(".toml") or os.sep in name else name


def check_worlds(task: str, randomization: str) -> None:
    """Raise InputError for an unknown task, or a randomization that does not fit it, before a run starts."""
    varied = load_randomization(task, randomization)
    BatchEnv(make_task(task, "train"), 1, randomization=varied, observations=("privileged",)).close()


def read_camera(path: Path | str) -> Camera:
    """Read a calibration from JSON; raises InputError for a file without one."""
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:  # of the file's bytes, text or numbers
        raise InputError(f"cannot read a camera from {path}: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} has no camera: it is not a JSON object")
    try:
        camera = Camera.from_dict(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return camera


def own_cameras(spec: TaskSpec, path: str | None) -> dict[str, Camera]:
    """Replace the task's first camera by the user's calibration; raises InputError for a file without one."""
    if path is None:
        return {}
    camera = read_camera(path)
    cameras = {next(iter(spec.cameras)): camera}
    with_cameras(spec, cameras)
    return cameras


def recipe_cameras(checkpoint: Path | None) -> dict[str, Camera]:
    """Return the cameras that a policy was pretrained with, if they differ from the task's.

    Raises:
        CheckpointError: the folder has no checkpoint.
    """
    recipe = read_config(checkpoint).get("recipe", {}) if checkpoint else {}
    return {name: Camera.from_dict(values) for name, values in recipe.get("cameras", {}).items()}
