"""Checkpoints of a teacher: standard SB3 zips, written atomically and read without unpickling."""

import io
import json
import pickle
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm

from sim2real.errors import InputError
from sim2real.files import write_file

FINAL = "teacher.zip"  # in the folder of a finished run
STATE = "sim2real.json"  # member of our zips that SB3 ignores


def write_teacher(path: Path, model: BaseAlgorithm, state: dict[str, Any]) -> None:
    """Write a zip that SB3's `load` opens, with state as JSON inside; an older file is replaced atomically.

    Raises:
        OSError: writing failed.
    """
    content = io.BytesIO()
    model.save(content)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(STATE, json.dumps({"num_timesteps": model.num_timesteps, **state}))
    write_file(path, content.getvalue())


def save_teacher(folder: Path, model: BaseAlgorithm, state: dict[str, Any], keep: int = 3) -> Path:
    """Write `step_NNNNNNNNN.zip` as `write_teacher`, and keep the last few."""
    path = folder / f"step_{model.num_timesteps:09d}.zip"
    write_teacher(path, model, state)
    for old in sorted(folder.glob("step_*.zip"))[:-keep]:
        old.unlink()
    return path


def _read(path: Path, model: BaseAlgorithm) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Read parameters, variables and state from a zip of the same algorithm, unpickling nothing but tensors.

    Raises:
        InputError: the file is not an intact zip of `write_teacher`.
    """

    def tensors(member: str) -> dict[str, Any]:
        return torch.load(io.BytesIO(archive.read(member)), weights_only=True, map_location="cpu")

    modules, variables = model._get_torch_save_params()
    try:
        with zipfile.ZipFile(path) as archive:
            parameters = {name: tensors(f"{name}.pth") for name in modules}
            return parameters, tensors("pytorch_variables.pth") if variables else {}, json.loads(archive.read(STATE))
    except pickle.UnpicklingError:
        raise InputError(f"{path} is damaged or not trustworthy: it contains objects other than tensors") from None
    except (zipfile.BadZipFile, KeyError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is damaged or not a checkpoint of this teacher ({reason})") from None


def restore_teacher(model: BaseAlgorithm, folder: Path) -> dict[str, Any]:
    """Load the newest intact checkpoint of a folder into model; returns the state saved with it.

    Raises:
        FileNotFoundError: there is none.
        InputError: the checkpoint is of a network of another shape.
    """
    return _restore_first(model, sorted(folder.glob("step_*.zip"), reverse=True), folder)


def restore_finished(model: BaseAlgorithm, folder: Path, steps: int) -> None:
    """Load the teacher of a finished run's folder: its final zip, or a checkpoint of as many steps.

    Raises:
        FileNotFoundError: there is none.
        InputError: what is left was trained for fewer steps than `steps`, or is of a network of another shape.
    """
    checkpoints = sorted((folder / "checkpoints").glob("step_*.zip"), reverse=True)
    _restore_first(model, [path for path in (folder / FINAL, *checkpoints) if path.is_file()], folder)
    if model.num_timesteps < steps:
        raise InputError(
            f"{folder} has no intact teacher of its {steps} steps, only a checkpoint after {model.num_timesteps}:"
            " resume its training with --resume"
        )


def _restore_first(model: BaseAlgorithm, paths: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Load the first intact zip into model; returns its state, and warns of damaged ones."""
    for path in paths:
        try:
            parameters, variables, state = _read(path, model)
        except InputError as error:
            warnings.warn(f"{error}; trying the previous checkpoint", stacklevel=3)
            continue
        try:
            model.set_parameters(parameters)
        except (RuntimeError, ValueError):
            raise InputError(f"{path} does not fit the networks that the run's settings describe") from None
        for name, value in variables.items():
            getattr(model, name).data.copy_(value)
        model.num_timesteps = int(state["num_timesteps"])
        if isinstance(model, SAC):
            # Its replay buffer is not saved: it is filled again before learning continues, as at the first start.
            model.learning_starts += model.num_timesteps
        return state
    raise FileNotFoundError(f"no intact checkpoint in {folder}: remove the folder to start again")
