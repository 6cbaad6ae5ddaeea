"""The state of a training run on disk, for resuming after a kill: without pickle, checked by hash."""

import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim2real.errors import CheckpointError
from sim2real.files import existing_folder, read_versioned_json, remove_folder, replaced_folder, write_json
from sim2real.files.tensors import read_tensors, write_tensors

FORMAT_VERSION = 1
STATE, TENSORS = "state.json", "state.safetensors"
_PLAIN = (str, int, float, bool, type(None))


def save_state(folder: Path | str, state: dict[str, Any]) -> None:
    """Write nested dicts, lists and tuples of tensors, arrays, numbers and strings, such as a `state_dict()`.

    Raises:
        CheckpointError: the folder exists and is of another kind.
        TypeError: a value of another type, named by its path.
        OSError: writing failed.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _encode(state, "state", tensors)
    with replaced_folder(Path(folder), STATE) as new:
        entry = write_tensors(new / TENSORS, tensors)
        write_json(new / STATE, {"format_version": FORMAT_VERSION, "tensors": entry, "state": tree})


def load_state(folder: Path | str) -> dict[str, Any]:
    """Read the output of `save_state`, with tensors on the CPU; raises CheckpointError as `load_policy`."""
    present = existing_folder(Path(folder), STATE)
    content = read_versioned_json(present / STATE, FORMAT_VERSION, CheckpointError)
    tensors = read_tensors(present, content.get("tensors"))
    try:
        return _decode(content["state"], tensors)
    except KeyError as error:
        raise CheckpointError(f"{present / STATE} is damaged: it lacks {error}") from None


def save_step(folder: Path | str, step: int, state: dict[str, Any], keep: int = 3) -> Path:
    """Write the state to `folder`/step_00001000 (for example); keep the newest `keep`; raises as save_state.

    Later steps belong to a run that was rewound, and are removed.
    """
    path = Path(folder) / f"step_{step:08d}"
    save_state(path, state)
    steps = _steps(Path(folder))
    earlier = [number for number in sorted(steps) if number <= step]
    for number in set(steps) - set(earlier[-keep:]):
        remove_folder(steps[number])
    return path


def latest(folder: Path | str) -> Path | None:
    """Return the newest intact step, or None if there is none; warns of damaged ones with the file's name.

    Raises:
        CheckpointError: there are steps, but all are damaged.
    """
    steps = _steps(Path(folder))
    for number in sorted(steps, reverse=True):
        try:
            load_state(steps[number])
        except CheckpointError as error:
            warnings.warn(f"{error}; trying the previous checkpoint", stacklevel=2)
        else:
            return steps[number]
    if steps:
        raise CheckpointError(f"every checkpoint in {folder} is damaged: remove the folder to start again")
    return None


def _steps(folder: Path) -> dict[int, Path]:
    matches = ((re.fullmatch(r"step_(\d+)", path.name), path) for path in folder.glob("step_*"))
    return {int(match[1]): path for match, path in matches if match}


def _encode(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Convert a value to JSON. Its tensors go into `tensors`; types that JSON lacks become objects with a "$" key."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        is_array = isinstance(value, np.ndarray)
        name = f"{len(tensors)}:{path}"
        try:
            tensors[name] = torch.tensor(value) if is_array else value
        except TypeError:
            raise TypeError(f"{path}: an array of {value.dtype} cannot be saved") from None
        return {"$array" if is_array else "$tensor": name}
    if isinstance(value, np.generic):
        return _encode(value.item(), path, tensors)
    if isinstance(value, tuple):
        return {"$tuple": [_encode(v, f"{path}.{i}", tensors) for i, v in enumerate(value)]}
    if isinstance(value, list):
        return [_encode(v, f"{path}.{i}", tensors) for i, v in enumerate(value)]
    if isinstance(value, dict):
        # JSON would convert an optimizer's integer keys to strings.
        if all(isinstance(k, str) and not k.startswith("$") for k in value):
            return {k: _encode(v, f"{path}.{k}", tensors) for k, v in value.items()}
        return {"$items": [[_encode(k, path, tensors), _encode(v, f"{path}.{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if type(value) not in _PLAIN:
        raise TypeError(f"{path}: a {type(value).__name__} cannot be saved")
    return value


def _decode(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    match tree:
        case {"$tensor": name}:
            return tensors[name]
        case {"$array": name}:
            return tensors[name].numpy()
        case {"$float": name}:
            return float(name)
        case {"$tuple": values}:
            return tuple(_decode(v, tensors) for v in values)
        case {"$items": pairs}:
            return {_decode(k, tensors): _decode(v, tensors) for k, v in pairs}
        case dict():
            return {k: _decode(v, tensors) for k, v in tree.items()}
        case list():
            return [_decode(v, tensors) for v in tree]
    return tree
