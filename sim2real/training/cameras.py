"""The user's own calibrated camera in place of a task's."""

import json
from pathlib import Path

from envs import Camera
from envs.batch_env import with_cameras
from envs.task import TaskSpec
from sim2real.checkpoints import read_config
from sim2real.errors import InputError


def own_cameras(spec: TaskSpec, path: str | None) -> dict[str, Camera]:
    """The user's calibration in place of the task's first camera; raises InputError for a file that holds none."""
    if path is None:
        return {}
    try:
        camera = Camera.from_dict(json.loads(Path(path).read_text()))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read a camera from {path}: {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: {error}") from None
    cameras = {next(iter(spec.cameras)): camera}
    with_cameras(spec, cameras)
    return cameras


def recipe_cameras(checkpoint: Path | None) -> dict[str, Camera]:
    """The cameras that a policy was pretrained through, where they were not its task's own; raises CheckpointError."""
    recipe = read_config(checkpoint).get("recipe", {}) if checkpoint else {}
    return {name: Camera.from_dict(values) for name, values in recipe.get("cameras", {}).items()}
