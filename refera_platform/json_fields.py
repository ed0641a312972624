"""Type check of dataclasses made from stored JSON: a field of a wrong type is refused by its name.

Parses nothing and knows no file: the caller's error names the object that is malformed.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


def require_types(instance: Any) -> None:
    """Check every field of a dataclass.

    Raises:
        TypeError: when a value is not of the type that its field declares.
    """
    hints = _hints(instance.__class__)
    for declared_field in fields(instance):
        if not _is_of_type(getattr(instance, declared_field.name), hints[declared_field.name]):
            raise TypeError(f"{declared_field.name} is not of type {hints[declared_field.name]}")


def require_json_object(content: Any) -> dict[str, Any]:
    """Return parsed JSON that is an object.

    Raises:
        TypeError: for a list, a text, a number or null.
    """
    if not isinstance(content, dict):
        raise TypeError("a JSON object was expected")
    return content


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_of_type(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is UnionType:
        return any(_is_of_type(value, each) for each in inner)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _is_of_type(key, inner[0]) and _is_of_type(item, inner[1]) for key, item in value.items()
        )
    if origin is tuple and inner[-1] is not Ellipsis:
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(_is_of_type, value, inner))
    if origin in {tuple, Sequence}:
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return is_list and all(_is_of_type(item, inner[0]) for item in value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
