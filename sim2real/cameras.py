"""The user's own calibrated camera in place of a task's."""

import json
from pathlib import Path

from envs import Camera
from envs.batch_env import with_cameras
from envs.task import TaskSpec


def own_cameras(spec: TaskSpec, path: str | None) -> dict[str, Camera]:
    """The user's calibration in place of the task's first camera; raises ValueError for a file that holds none."""
    if path is None:
        return {}
    try:
        camera = Camera.from_dict(json.loads(Path(path).read_text()))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read a camera from {path}: {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from None
    cameras = {next(iter(spec.cameras)): camera}
    with_cameras(spec, cameras)
    return cameras
