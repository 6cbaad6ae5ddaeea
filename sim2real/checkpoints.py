"""Policies on disk: a folder with JSON, safetensors and a model card; loading it executes no code."""

import dataclasses
from pathlib import Path
from typing import Any

from policies.policy import Policy, PolicyConfig
from sim2real.errors import CheckpointError, InputError
from sim2real.files import existing_folder, read_versioned_json, replaced_folder, write_file, write_json
from sim2real.files.configs import from_plain
from sim2real.files.tensors import read_tensors, write_tensors
from sim2real.models.checkpoint import Checkpoint
from sim2real.models.find import find_policy
from sim2real.models.hashes import CARD, CONFIG, WEIGHTS

FORMAT_VERSION = 1


def save_policy(folder: Path | str, policy: Policy, recipe: dict[str, Any], card: str) -> None:
    """Write a policy; an older checkpoint in this folder is replaced only when the new one is complete on disk.

    Args:
        recipe: how the policy was trained, as JSON values.
        card: the model card, Markdown.

    Raises:
        CheckpointError: the folder exists and is no checkpoint.
        ValueError: the recipe holds values that JSON cannot represent.
        OSError: writing failed.
    """
    with replaced_folder(Path(folder), CONFIG) as new:
        weights = write_tensors(new / WEIGHTS, policy.state_dict())
        config = dataclasses.asdict(policy.config)
        content = {"format_version": FORMAT_VERSION, "policy": config, "weights": weights, "recipe": recipe}
        write_json(new / CONFIG, content)
        write_file(new / CARD, card.encode())


def policy_folder(checkpoint: Checkpoint) -> Path:
    """Return the policy folder of a run, a folder itself, or that of a shipped or fetched policy, verified.

    Raises:
        InputError: a run without a policy, a misspelt name of a shipped one, or an address that cannot be used.
        CheckpointError: a file of a shipped or fetched policy is missing or damaged.
        OSError: an address that does not answer.
    """
    path = find_policy(checkpoint)
    if (path / "policy").is_dir():
        return path / "policy"
    if (path / "tensorboard").is_dir():
        raise InputError(f"{path} has no policy: `sim2real pretrain` did not finish (--resume) or never ran")
    return path


def load_policy(checkpoint: Checkpoint) -> Policy:
    """Read a policy that `save_policy` wrote, on the CPU and ready to act.

    Args:
        checkpoint: the policy's folder, or the run that pretrained or adapted it; the name of a shipped policy, which
            `sim2real models` lists; `hf://OWNER/REPO@COMMIT[/FOLDER]`; or `https://HOST/FILE.zip#sha256=HASH`. An
            existing folder wins over a name.

    Raises:
        InputError: as `policy_folder`.
        CheckpointError: no such folder, not a checkpoint, damaged files, another format version.
        OSError: an address that does not answer.
    """
    folder = existing_folder(policy_folder(checkpoint), CONFIG)
    content = read_config(folder)
    try:
        config = from_plain(PolicyConfig, content.get("policy"))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / CONFIG} does not describe a policy: {error}") from None
    policy = Policy(config)
    try:
        policy.load_state_dict(read_tensors(folder, content.get("weights")))
    except RuntimeError:
        raise CheckpointError(f"{folder / WEIGHTS} does not fit the policy that {CONFIG} describes") from None
    return policy.eval()


def read_config(folder: Path | str) -> dict[str, Any]:
    """Return the checkpoint's config.json ("policy", "recipe", …), without weights; raises CheckpointError."""
    return read_versioned_json(existing_folder(Path(folder), CONFIG) / CONFIG, FORMAT_VERSION, CheckpointError)
