"""Writer of a catalogue module: turns proposals of ``discover`` into Python text that imports as it is.

Proposals ──▶ catalogue_module_text() ──▶ text in the style of ``catalog``
"""

import re
import textwrap
from collections.abc import Sequence

from refera_platform.errors import SettingError
from refera_platform.source.discover import Proposal
from refera_platform.source.table import DATABASE_NAME_PATTERN, SourceTable, Strategy

MAX_LINE_CHARACTERS = 110
MODULE_DOCSTRING = '''"""Declared tables of ``{database}``, as `refera discover` found them.

Read from {server}. Review each declaration before you use it: what a row is, how its changes
are captured, which columns are personal. Tables that refer to others come before them.
"""
'''


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


def catalogue_module_text(database: str, server: str, proposals: Sequence[Proposal]) -> str:
    """The text of a catalogue module.

    Args:
        database: Name of the database.
        server: Kind and version of the server.
        proposals: In the order of the declarations.
    """
    tables = [proposal for proposal in proposals if proposal.table]
    imports = ["SourceTable", "Strategy"] if tables else ["SourceTable"]
    has_cursor = any(each.table and each.table.strategy is Strategy.CURSOR for each in tables)
    lines = [
        MODULE_DOCSTRING.format(database=database, server=re.sub(r"[^A-Za-z0-9 .+~-]", "?", server)),
        *(["from datetime import timedelta", ""] if has_cursor else []),
        f"from refera_platform.source.table import {', '.join(imports)}",
        "",
        f"DATABASE = {python_literal(database)}",
        "",
        "TABLES = (" if tables else "TABLES: tuple[SourceTable, ...] = (",
    ]
    for proposal in proposals:
        if proposal.table is None:
            lines += _comment_lines(f"{python_literal(proposal.name)} is left out: {proposal.why}", 4)
        else:
            lines += _table_lines(proposal.table, proposal)
    return "\n".join([*lines, ")"]) + "\n"


def python_literal(value: str) -> str:
    """A readable Python literal on one line; nothing in the value can end it or reverse its direction."""
    mark = "'" if '"' in value and "'" not in value else '"'
    return mark + "".join(_escaped_character(character, mark) for character in value) + mark


def _escaped_character(character: str, mark: str) -> str:
    if character in {mark, "\\"}:
        return f"\\{character}"
    if character.isprintable():
        return character
    return ascii(character)[1:-1]


def _table_lines(table: SourceTable, proposal: Proposal) -> list[str]:
    lines = [
        "    SourceTable(",
        "        database=DATABASE,",
        f"        name={python_literal(table.name)},",
        *_sequence_lines("key", table.key, "(", ")", needs_comma=len(table.key) == 1),
        *_comment_lines(_single_line(proposal.why), 8),
        f"        strategy=Strategy.{table.strategy.name},",
    ]
    if table.cursor:
        hours = int(table.overlap.total_seconds()) // 3600 if not isinstance(table.overlap, int) else 0
        lines += [f"        cursor={python_literal(table.cursor)},", f"        overlap=timedelta(hours={hours}),"]
    for remark in proposal.remarks:
        lines += _comment_lines(_single_line(remark), 8)
    if table.private:
        lines += _sequence_lines("private", sorted(table.private), "frozenset({", "})")
    return [*lines, f"        about={python_literal(table.about)},", "    ),"]


def _sequence_lines(name: str, values: Sequence[str], begin: str, end: str, *, needs_comma: bool = False) -> list[str]:
    """Lines of an argument with several values; over several lines when it is long."""
    literals = [python_literal(value) for value in values]
    line = f"        {name}={begin}{', '.join(literals)}{',' if needs_comma else ''}{end},"
    if len(line) <= MAX_LINE_CHARACTERS:
        return [line]
    return [f"        {name}={begin}", *(f"            {each}," for each in literals), f"        {end},"]


def _comment_lines(text: str, indent: int) -> list[str]:
    prefix = f"{' ' * indent}# "
    return textwrap.wrap(_single_line(text), width=MAX_LINE_CHARACTERS, initial_indent=prefix, subsequent_indent=prefix)


def _single_line(text: str) -> str:
    """The text without anything that could end a comment."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
