"""Find a policy that is named by a folder, a shipped name or an address."""

import re
import warnings
from difflib import get_close_matches
from pathlib import Path

from sim2real.errors import InputError
from sim2real.files.folders import folder_exists
from sim2real.models.checkpoint import Checkpoint, is_address
from sim2real.models.fetch import fetched_folder
from sim2real.models.registry import read_registry, shipped_folder


def find_policy(checkpoint: Checkpoint) -> Path:
    """Return the folder that a checkpoint names; whether it holds a policy is not checked for a user's own folder.

    Raises:
        InputError: an address that cannot be fetched from, or a name close to that of a shipped policy.
        CheckpointError: a file of a shipped or fetched policy is missing or damaged.
        OSError: an address does not answer, or the cache cannot be written.
    """
    if is_address(checkpoint):
        return fetched_folder(str(checkpoint))
    path, text = Path(checkpoint), str(checkpoint)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text) and not folder_exists(path):
        raise InputError(f"{text}: a path has lost one / of the address; give addresses as text, not as a Path")
    if path.name != text:
        return path
    models = read_registry()
    if folder_exists(path):
        if text in models:
            warnings.warn(f"{text} is the folder of that name here, not the shipped policy", stacklevel=2)
        return path
    if text in models:
        return shipped_folder(text)
    if near := get_close_matches(text, models, 1):
        advice = f"did you mean {near[0]}? (`sim2real models` lists the shipped ones)"
        raise InputError(f"no folder {text!r} here, and no shipped policy of that name: {advice}")
    return path


def absolute(checkpoint: Checkpoint) -> Checkpoint:
    """Return what names the same policy from any working folder: an absolute path, or a name or address unchanged."""
    path = Path(checkpoint)
    a_name = path.name == str(checkpoint) and not folder_exists(path)
    return checkpoint if a_name or is_address(checkpoint) else path.resolve()
