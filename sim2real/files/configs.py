# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""Conversion of frozen configs to JSON and back, also from older versions."""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any


def to_plain(value: Any) -> Any:
    """Convert a config to JSON values: dataclasses to objects, tuples to lists, paths to text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: to_plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def from_plain(kind: Any, value: Any) -> Any:
    """Rebuild a value of type `kind` from JSON: dataclasses, tuples, dicts and plain values.

    A field that an older version did not write gets the value that reproduces that version's behaviour: the field's
    `metadata["absent"]`, or else its default. Unknown fields are refused, as they may change the meaning of others. A
    renamed field has its old name in `metadata["formerly"]` and takes the value stored under it.

    Raises:
        TypeError: the value does not fit the type, or a field is unknown, or missing without a default.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_from_plain(kind, value)
    if origin in (types.UnionType, typing.Union):
        # The only unions are `X | None`, and `str | Path`, whose text stays as it is.
        something = next(k for k in arguments if k is not type(None))
        return None if value is None else from_plain(something, value)
    if origin is typing.Literal:
        if value not in arguments:
            raise TypeError(f"{value!r} is none of {', '.join(map(str, arguments))}")
        return value
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
    value = _with_todays_names(fields, value)
    if unknown := [str(name) for name in value if name not in fields]:
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}, only {', '.join(fields)}")
    arguments = {name: from_plain(hints[name], part) for name, part in value.items()}
    for name in fields.keys() - value.keys():
        if "absent" in fields[name].metadata:
            arguments[name] = fields[name].metadata["absent"]
        elif fields[name].default is dataclasses.MISSING and fields[name].default_factory is dataclasses.MISSING:
            raise TypeError(f"{kind.__name__} lacks the field {name}")
    return kind(**arguments)


def _with_todays_names(fields: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Rename fields of an older version to today's names; a field with both names stays an error."""
    formerly = {field.metadata["formerly"]: name for name, field in fields.items() if "formerly" in field.metadata}
    return {formerly[old] if formerly.get(old, old) not in value else old: part for old, part in value.items()}
