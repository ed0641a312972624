"""Writer of a dbt source entry: turns proposals of ``discover`` into the text of a sources file.

Proposals ──▶ source_entry_text() ──▶ text that ``project`` reads, with the reasons and remarks as comments
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from refera_platform.errors import SettingError
from refera_platform.source.discover import Proposal
from refera_platform.source.table import DATABASE_NAME_PATTERN, SourceTable

MAX_LINE_CHARACTERS = 110
ENTRY_INDENT = 6
JINJA_OPENING = re.compile(r"\{(?=[{%#])")


def database_name(schema: str) -> str:
    """Make a database name from a schema's name.

    Raises:
        SettingError: when no letter or digit of the schema's name can be used.
    """
    name = re.sub(r"[^a-z0-9]+", "_", schema.lower()).strip("_")
    name = name if not name[:1].isdigit() else f"db_{name}"
    return require_database_name(name, "Schema")


def require_database_name(name: str, role: str) -> str:
    """Return ``name`` when it is allowed as a database name.

    Raises:
        SettingError: when it is not.
    """
    if not DATABASE_NAME_PATTERN.fullmatch(name):
        raise SettingError(
            f"{role} {name!r} is not a name for a database here:",
            "give one of lower-case letters, digits and _ with --schema-name.",
        )
    return name


def source_entry_text(database: str, server: str, proposals: Sequence[Proposal]) -> str:
    """The text of a sources file.

    Args:
        database: Name of the database.
        server: Kind and version of the server.
        proposals: In the order of the declarations.
    """
    lines = [
        *_comment_lines(f"Declared tables of {database}, as `refera discover` found them on {server}.", 0),
        *_comment_lines(
            "Review each declaration before you use it: what a row is, how its changes are captured, which columns are"
            " personal. Tables that refer to others come before them.",
            0,
        ),
        "version: 2",
        "",
        "sources:",
        f"  - name: {database}",
        "    tables:" if any(proposal.table for proposal in proposals) else "    tables: []",
    ]
    for proposal in proposals:
        if proposal.table is None:
            lines += _comment_lines(f"{proposal.name!r} is left out: {proposal.why}", ENTRY_INDENT)
        else:
            lines += _entry_lines(proposal.table, proposal)
    return "\n".join(lines) + "\n"


def _entry_lines(table: SourceTable, proposal: Proposal) -> list[str]:
    comments = [line for text in (proposal.why, *proposal.remarks) for line in _comment_lines(text, ENTRY_INDENT)]
    return [*comments, *textwrap.indent(_yaml_text([_entry(table)]), " " * ENTRY_INDENT).splitlines()]


def _entry(table: SourceTable) -> Mapping[str, Any]:
    said: dict[str, Any] = {"key": list(table.key), "strategy": table.strategy.value}
    if table.cursor:
        said["cursor"] = table.cursor
        if isinstance(table.overlap, int):
            said["overlap"] = table.overlap
        else:
            said["overlap_hours"] = table.overlap.total_seconds() / 3600
    if table.private:
        said["private"] = sorted(table.private)
    # dbt renders a description as Jinja, and this one may be a comment that anybody wrote on the server
    about = JINJA_OPENING.sub("{ ", table.about)
    return {"name": table.name, "description": about, "config": {"meta": {"refera": said}}}


def _yaml_text(value: Any) -> str:
    """The value as YAML without characters that a reader could not see, or that reverse the direction of a line."""
    for may_be_unicode in (True, False):
        text = yaml.safe_dump(
            value,
            allow_unicode=may_be_unicode,
            sort_keys=False,
            default_flow_style=None,
            width=MAX_LINE_CHARACTERS - ENTRY_INDENT,
        )
        if all(line.isprintable() for line in text.split("\n")):
            break
    return str(text)


def _comment_lines(text: str, indent: int) -> list[str]:
    prefix = f"{' ' * indent}# "
    return textwrap.wrap(_single_line(text), width=MAX_LINE_CHARACTERS, initial_indent=prefix, subsequent_indent=prefix)


def _single_line(text: str) -> str:
    """The text without anything that could end a comment."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
