"""Tensors in safetensors files, checked by hash when read; the only module of `sim2real.files` that needs torch."""

import hashlib
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from sim2real.errors import CheckpointError
from sim2real.files.atomic import write_file


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Write safetensors; returns {"file", "sha256"} for `read_tensors`."""
    # Copies, as safetensors refuses tensors that share memory.
    content = safetensors.torch.save({k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()})
    write_file(path, content)
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest()}


def read_tensors(folder: Path, entry: Any) -> dict[str, Tensor]:
    """Read a file of `write_tensors` from the folder; raises CheckpointError if it is missing or damaged."""
    if not isinstance(entry, dict) or not {"file", "sha256"} <= entry.keys():
        raise CheckpointError(f"{folder} is damaged: its JSON does not name a tensor file with its sha256")
    path = folder / Path(entry["file"]).name
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a complete checkpoint: it has no {path.name}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path} is damaged: {len(content)} bytes, with another sha256 than recorded")
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
