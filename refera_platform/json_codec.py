"""JSON codec: checked values of declared types from stored or sent JSON, and back, by msgspec.

A dataclass is stored under the names of its fields, and a key that no field has is refused. A type with other keys is
a ``msgspec.Struct``, which declares them (``rename``) and whether it refuses unknown ones. An error of ours is stored
with the name of its class. Knows no file: the caller's error names the object that is malformed.
"""

import functools
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from refera_platform import errors
from refera_platform.errors import ReferaError

T = TypeVar("T")


def parse_json_object(text: str | bytes) -> dict[str, Any]:
    """Parse a text that is a JSON object.

    Raises:
        ValueError: for any other text.
    """
    return decode_json(text, dict[str, Any])


def decode_json(text: str | bytes, kind: type[T]) -> T:
    """Parse a text, and decode it as ``decode_values`` does.

    Raises:
        ValueError: when it is no JSON, or not of the type.
    """
    try:
        content = msgspec.json.decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return decode_values(content, kind)


def decode_values(content: Any, kind: type[T]) -> T:
    """A value of a type from parsed JSON.

    Raises:
        ValueError: when the content is not of the type: a field is missing, unknown or of another type.
    """
    try:
        value = msgspec.convert(content, kind, dec_hook=_decode_error)
        _require_known_keys(content, value)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def encode_values(value: Any, *, is_sorted: bool = False) -> Any:
    """The value as parsed JSON: dictionaries, lists, texts, numbers. Instants stay: ``encode_json`` writes them.

    Args:
        value: The value.
        is_sorted: Whether sets and dictionaries are sorted, so that equal values give equal texts in every process.
    """
    return msgspec.to_builtins(
        value,
        str_keys=True,
        builtin_types=(datetime,),
        enc_hook=_encode_error,
        order="deterministic" if is_sorted else None,
    )


def encode_json(value: Any, *, is_sorted: bool = False, **layout: Any) -> str:
    """The value as JSON text, in the layout that ``json.dumps`` takes; instants are written with ``+00:00``."""
    return json.dumps(encode_values(value, is_sorted=is_sorted), default=datetime.isoformat, **layout)


class _StoredError(msgspec.Struct, rename={"is_transient": "passing", "public_problem": "public"}):
    kind: str
    """Name of the error's class."""
    problem: str
    remedy: str
    is_transient: bool
    public_problem: str = ""


def _encode_error(value: Any) -> _StoredError:
    if not isinstance(value, ReferaError):
        raise NotImplementedError(f"a {type(value).__name__} has no form in JSON")
    return _StoredError(type(value).__name__, value.problem, value.remedy, value.is_transient, value.public_problem)


def _decode_error(_: type, content: Any) -> ReferaError:
    """The error as an instance of its own class; of ``ReferaError`` when this version has no such class."""
    stored = msgspec.convert(content, _StoredError)
    kind = getattr(errors, stored.kind, None)
    own_class = kind if isinstance(kind, type) and issubclass(kind, ReferaError) else ReferaError
    return own_class(
        stored.problem, stored.remedy, is_transient=stored.is_transient, public_problem=stored.public_problem
    )


def _require_known_keys(content: Any, value: Any) -> None:
    """Refuse keys that no field of a dataclass has; msgspec can refuse them for its own Structs only."""
    parts: Iterable[tuple[Any, Any]]
    if isinstance(content, list):
        parts = zip(content, value, strict=True)
    elif is_dataclass(value):
        if unknown := content.keys() - _field_names(value.__class__):
            raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
        parts = ((each, getattr(value, key)) for key, each in content.items())
    elif isinstance(value, dict):
        parts = zip(content.values(), value.values(), strict=True)
    else:
        return
    for each, decoded in parts:
        if isinstance(each, dict | list):
            _require_known_keys(each, decoded)


@functools.cache
def _field_names(kind: type) -> frozenset[str]:
    return frozenset(each.name for each in fields(kind))
