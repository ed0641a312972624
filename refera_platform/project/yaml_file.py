"""YAML file with the line of every value: plain data for a typed model, and where in the file each part of it stands.

Reads one file; what is declared in it is checked by ``declarations``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from refera_platform.errors import SettingError

MAX_FILE_BYTES = 4 << 20
"""Larger files are refused: no project writes one by hand."""
FAST_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader of libyaml, seven times as fast as the one in Python, where PyYAML was built with it."""
MAX_VALUES = 200_000
"""Values of one file, each alias counted as often as it is used: a few lines of aliases can stand for billions."""
Declared = TypeVar("Declared", bound=BaseModel)
KeyPath = tuple[str | int, ...]
"""Keys and indexes that lead from the top of a file to a value."""


@dataclass(frozen=True, kw_only=True)
class YamlFile:
    """One file that was read."""

    path: Path
    """Path as it is shown in errors."""
    content: Any
    """Its mappings, sequences and scalars; an empty mapping for an empty file."""
    lines: dict[KeyPath, int] = field(repr=False)
    """Line of each value, counted from 1."""

    def where(self, key_path: Sequence[str | int]) -> str:
        """``file:line`` of a value, or of the nearest value around it."""
        nearest = tuple(key_path)
        while nearest and nearest not in self.lines:
            nearest = nearest[:-1]
        return f"{self.path}:{self.lines.get(nearest, 1)}"

    def parse(self, model: type[Declared], content: Any, key_path: Sequence[str | int]) -> Declared:
        """Check a part of the file against a typed model.

        Args:
            model: The model.
            content: The part.
            key_path: Where in the file it stands.

        Raises:
            SettingError: naming file, line and field of the first mistake.
        """
        try:
            return model.model_validate(content)
        except ValidationError as error:
            mistake = error.errors(include_url=False, include_context=False, include_input=False)[0]
            inner: KeyPath = tuple(mistake["loc"])
            name = ".".join(str(step) for step in inner) or "this entry"
            reason = mistake["msg"].removeprefix("Value error, ").rstrip(".")
            raise SettingError(
                f"{self.where((*key_path, *inner))}: {name}: {reason}:",
                "correct the line (`refera schema` has the fields).",
            ) from None


def read_yaml(path: Path, shown: Path) -> YamlFile:
    """Read one YAML file; anchors and merges work, Python objects do not.

    Args:
        path: The file.
        shown: Its path as errors show it.

    Raises:
        SettingError: when it cannot be read, or is no YAML.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingError(f"{shown} is larger than {MAX_FILE_BYTES >> 20} MB:", "divide it into several files.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingError(f"{shown} cannot be read ({error}):", "make it a readable UTF-8 text file.") from None
    loader = FAST_LOADER(text)
    try:
        root = loader.get_single_node()
        content = {} if root is None else loader.construct_document(root)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise SettingError(f"{shown}{line} is not YAML ({problem}):", "correct the line.") from None
    finally:
        loader.dispose()
    lines = {} if root is None else dict(islice(_lines(root, (), frozenset()), MAX_VALUES + 1))
    if len(lines) > MAX_VALUES:
        raise SettingError(f"{shown} holds more than {MAX_VALUES} values:", "divide it into several files.")
    return YamlFile(path=shown, content=content, lines=lines)


def _lines(node: yaml.Node, key_path: KeyPath, around: frozenset[int]) -> Iterator[tuple[KeyPath, int]]:
    """The line of a node and of everything in it."""
    yield key_path, node.start_mark.line + 1
    if id(node) in around:  # an anchor that holds itself
        return
    inside = around | {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*key_path, key.value), inside)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*key_path, index), inside)
