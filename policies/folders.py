"""Folders that are either complete or not there: written beside their place, checked by hash when read."""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor


class CheckpointError(ValueError):
    """A folder that cannot be read, or must not be written, as the checkpoint it is said to be; one line."""


@contextmanager
def replaced_folder(folder: Path, marker: str) -> Iterator[Path]:
    """Give an empty folder beside `folder` to write into, and put it in its place if nothing was raised meanwhile.

    Whenever the process is killed, the old content or the new is there (`existing_folder` finds it). One writer per
    folder is assumed: leftovers of a killed one are removed.

    Args:
        marker: the file by which an older folder of the same kind is known; nothing else is ever replaced.

    Raises:
        CheckpointError: something that is not of this kind is in the way.
    """
    folder = folder.resolve()
    if folder.exists() and not (folder / marker).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CheckpointError(f"{folder} exists and is no checkpoint (no {marker} in it): choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    new, old = folder.parent / f".{folder.name}.new-{os.getpid()}", _old(folder)
    new.mkdir()
    try:
        yield new
        _sync_folder(new)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        new.rename(folder)
        _sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder such that a reader never sees it half removed."""
    shutil.rmtree(_old(folder), ignore_errors=True)
    folder.rename(_old(folder))
    shutil.rmtree(_old(folder))


def existing_folder(folder: Path, marker: str) -> Path:
    """The folder, or what a writer that was killed while replacing it had moved aside.

    Raises:
        CheckpointError: there is none, or it lacks the marker.
    """
    folder = Path(folder).resolve()
    found = folder if folder.exists() or not _old(folder).exists() else _old(folder)
    if not found.is_dir():
        raise CheckpointError(f"no checkpoint folder {folder}")
    if not (found / marker).is_file():
        raise CheckpointError(f"{folder} is not a checkpoint: it has no {marker}")
    return found


def write_file(path: Path, content: bytes) -> None:
    """Write and wait until it is on the disk; raises OSError that names the file (say, on a full disk)."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write readable JSON; raises ValueError for what JSON cannot hold, OSError for what the disk cannot."""
    try:
        text = json.dumps(content, indent=2) + "\n"
    except TypeError as error:
        raise ValueError(f"{path.name} cannot be written as JSON: {error}") from None
    write_file(path, text.encode())


def read_json(path: Path, version: int) -> dict[str, Any]:
    """Read a JSON object that says "format_version"; raises CheckpointError if it is damaged or of another version."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise CheckpointError(f"{path} is damaged: not complete JSON") from None
    found = content.get("format_version") if isinstance(content, dict) else None
    if found is None:
        raise CheckpointError(f"{path} is not of a checkpoint: it has no format_version")
    if found != version:
        raise CheckpointError(f"{path} has format version {found}; this program reads version {version}")
    return content


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Write safetensors; returns {"file", "sha256"}, which `read_tensors` checks against."""
    # Copies: safetensors refuses tensors that share memory.
    content = safetensors.torch.save({k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()})
    write_file(path, content)
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest()}


def read_tensors(folder: Path, entry: Any) -> dict[str, Tensor]:
    """Read what `write_tensors` wrote into the folder; raises CheckpointError if it is missing or damaged."""
    if not isinstance(entry, dict) or not {"file", "sha256"} <= entry.keys():
        raise CheckpointError(f"{folder} is damaged: its JSON does not name a tensor file with its sha256")
    path = folder / Path(entry["file"]).name
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a complete checkpoint: it has no {path.name}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path} is damaged: {len(content)} bytes whose sha256 is not the one recorded")
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None


def _old(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.old"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
