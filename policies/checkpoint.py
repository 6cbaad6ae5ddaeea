"""Policies on disk: a folder of JSON, safetensors and a model card; reading it executes nothing."""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any

from policies.folders import (
    CheckpointError,
    existing_folder,
    read_json,
    read_tensors,
    replaced_folder,
    write_file,
    write_json,
    write_tensors,
)
from policies.policy import Policy, PolicyConfig

FORMAT_VERSION = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


def save_policy(folder: Path | str, policy: Policy, recipe: dict[str, Any], card: str) -> None:
    """Write a policy; an older checkpoint in this place is replaced only when the new one is complete on the disk.

    Args:
        recipe: how the policy was trained, as far as JSON can hold it.
        card: the model card, Markdown.

    Raises:
        CheckpointError: the folder exists and is something else.
        ValueError: the recipe holds what JSON cannot.
        OSError: the disk does not take it.
    """
    with replaced_folder(Path(folder), CONFIG) as new:
        weights = write_tensors(new / WEIGHTS, policy.state_dict())
        config = dataclasses.asdict(policy.config)
        content = {"format_version": FORMAT_VERSION, "policy": config, "weights": weights, "recipe": recipe}
        write_json(new / CONFIG, content)
        write_file(new / CARD, card.encode())


def load_policy(folder: Path | str) -> Policy:
    """Read a policy that `save_policy` wrote, on the CPU and ready to act.

    Raises:
        CheckpointError: no such folder, not a checkpoint, damaged weights, another format version.
    """
    found = existing_folder(Path(folder), CONFIG)
    content = read_config(folder)
    try:
        config = from_plain(PolicyConfig, content.get("policy"))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{found / CONFIG} does not describe a policy: {error}") from None
    policy = Policy(config)
    try:
        policy.load_state_dict(read_tensors(found, content.get("weights")))
    except RuntimeError:
        raise CheckpointError(f"{found / WEIGHTS} does not fit the policy that {CONFIG} describes") from None
    return policy.eval()


def read_config(folder: Path | str) -> dict[str, Any]:
    """The checkpoint's config.json ("policy", "recipe", …), without the weights; raises CheckpointError."""
    return read_json(existing_folder(Path(folder), CONFIG) / CONFIG, FORMAT_VERSION)


def from_plain(kind: Any, value: Any) -> Any:
    """Rebuild a value of type `kind` from what JSON made of it: dataclasses, tuples, dicts and plain values.

    A field that an older version did not write takes the value that reproduces what that version did: the field's
    `metadata["absent"]`, stated where the field was added, or else its default. An older version ignores nothing
    either: a field that is unknown here may change what the others mean.

    Raises:
        TypeError: value does not fit the type; a field of a dataclass is unknown, or absent without a default.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_from_plain(kind, value)
    if origin in (types.UnionType, typing.Union):
        (something,) = (k for k in arguments if k is not type(None))  # no other unions than `X | None`
        return None if value is None else from_plain(something, value)
    if origin in (tuple, dict) and not isinstance(value, list if origin is tuple else dict):
        raise TypeError(f"{value!r} is not of type {kind}")
    if origin is tuple:
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(from_plain(k, v) for k, v in zip(kinds, value, strict=True))
    if origin is dict:
        return {name: from_plain(arguments[1], v) for name, v in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not of type {kind}")
    return value


def _dataclass_from_plain(kind: type, value: Any) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not of type {kind.__name__}, which has the fields {', '.join(fields)}")
    if unknown := [str(name) for name in value if name not in fields]:
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}, only {', '.join(fields)}")
    given = {name: from_plain(hints[name], part) for name, part in value.items()}
    for name in fields.keys() - value.keys():
        if "absent" in fields[name].metadata:
            given[name] = fields[name].metadata["absent"]
        elif fields[name].default is dataclasses.MISSING and fields[name].default_factory is dataclasses.MISSING:
            raise TypeError(f"{kind.__name__} lacks the field {name}")
    return kind(**given)
