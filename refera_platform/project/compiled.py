"""Compiled project: what a function on AWS Lambda needs of it, as one JSON file, so that it needs no YAML.

    load_project() ──▶ write_compiled_tables() ──▶ <project folder>/project.json ──▶ read_compiled_tables()

``deploy/lambda/package.py`` writes the file into the zip. Imports neither YAML nor pydantic, which the zip lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refera_platform.errors import SettingError
from refera_platform.json_codec import decode_json, encode_json
from refera_platform.source.table import SourceTable

COMPILED_FILE = "project.json"


@dataclass(frozen=True, kw_only=True)
class CompiledProject:
    """Content of the file."""

    tables: tuple[SourceTable, ...]


def write_compiled_tables(folder: Path, tables: Sequence[SourceTable]) -> Path:
    """Write the file into a folder; the same tables give the same bytes."""
    path = folder / COMPILED_FILE
    text = encode_json(CompiledProject(tables=tuple(tables)), is_sorted=True, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def read_compiled_tables(folder: Path) -> tuple[SourceTable, ...]:
    """The declared tables of a project, in the order of their declaration.

    Raises:
        SettingError: when the folder has no such file, or it is malformed.
    """
    path = folder / COMPILED_FILE
    try:
        return decode_json(path.read_bytes(), CompiledProject).tables
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read ({error.strerror}):", "make the package anew with deploy/lambda/package.py."
        ) from None
    except ValueError as error:
        raise SettingError(
            f"{path} is no compiled project ({error}):", "make the package anew with deploy/lambda/package.py."
        ) from None
