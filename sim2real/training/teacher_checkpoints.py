"""Checkpoints of a teacher: standard SB3 zips, written whole and read without unpickling."""

import io
import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm

from sim2real.errors import InputError
from sim2real.files import write_file

STATE = "sim2real.json"  # member of our zips that SB3 passes over


def write_teacher(path: Path, model: BaseAlgorithm, state: dict[str, Any]) -> None:
    """Write a zip that SB3's own `load` opens, with state as JSON inside; an older file is replaced when it is whole.

    Raises:
        OSError: the disk does not take it.
    """
    content = io.BytesIO()
    model.save(content)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(STATE, json.dumps({"num_timesteps": model.num_timesteps, **state}))
    write_file(path, content.getvalue())


def save_teacher(folder: Path, model: BaseAlgorithm, state: dict[str, Any], keep: int = 3) -> Path:
    """Write `step_NNNNNNNNN.zip` as `write_teacher` does, and keep the last few."""
    path = folder / f"step_{model.num_timesteps:09d}.zip"
    write_teacher(path, model, state)
    for old in sorted(folder.glob("step_*.zip"))[:-keep]:
        old.unlink()
    return path


def _read(path: Path, model: BaseAlgorithm) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Parameters, single variables and state in a zip of the same algorithm, without unpickling anything else.

    Raises:
        InputError: the file is not a whole zip that `write_teacher` wrote.
    """

    def tensors(member: str) -> dict[str, Any]:
        return torch.load(io.BytesIO(archive.read(member)), weights_only=True, map_location="cpu")

    modules, variables = model._get_torch_save_params()
    try:
        with zipfile.ZipFile(path) as archive:
            parameters = {name: tensors(f"{name}.pth") for name in modules}
            return parameters, tensors("pytorch_variables.pth") if variables else {}, json.loads(archive.read(STATE))
    except pickle.UnpicklingError:
        raise InputError(f"{path} is damaged or not to be trusted: it holds other things than tensors") from None
    except (zipfile.BadZipFile, KeyError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is damaged or no checkpoint of this teacher ({reason})") from None


def restore_teacher(model: BaseAlgorithm, folder: Path) -> dict[str, Any]:
    """Load the newest whole checkpoint of a folder into model; returns the state saved with it.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is of a network of another shape.
    """
    for path in sorted(folder.glob("step_*.zip"), reverse=True):
        try:
            parameters, variables, state = _read(path, model)
        except ValueError as error:
            warnings.warn(f"{error}; trying the checkpoint before it", stacklevel=2)
            continue
        try:
            model.set_parameters(parameters)
        except (RuntimeError, ValueError):
            raise InputError(f"{path} does not fit the networks that the run's settings describe") from None
        for name, value in variables.items():
            getattr(model, name).data.copy_(value)
        model.num_timesteps = int(state["num_timesteps"])
        if isinstance(model, SAC):
            # Its replay buffer is not kept: it is filled anew before learning goes on, as at the first start.
            model.learning_starts += model.num_timesteps
        return state
    raise FileNotFoundError(f"no whole checkpoint in {folder}: remove the folder to begin anew")
