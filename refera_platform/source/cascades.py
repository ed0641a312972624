"""Foreign keys by which the server changes rows of a table on its own: such changes are in no log.

InnoDB carries out ON DELETE and ON UPDATE actions below the layer that writes the log (MySQL until 9.5, MariaDB), so
the children of a deleted parent go without a word. Whoever reads the log must look at them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from refera_platform.source.types import backticked, mysql_literal

NAME = r"`(?:[^`]|``)*`"
FOREIGN_KEY = re.compile(
    rf"^ *CONSTRAINT {NAME} FOREIGN KEY \([^\n]*?\) REFERENCES (?:(?P<schema>{NAME})\.)?(?P<parent>{NAME})"
    rf" \((?P<columns>{NAME}(?:, ?{NAME})*)\)(?: ON DELETE (?P<deleting>[A-Z]+(?: [A-Z]+)?))?"
    r"(?: ON UPDATE (?P<updating>[A-Z]+(?: [A-Z]+)?))?,?$",
    re.MULTILINE,
)
ACTS = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """One foreign key with an action."""

    schema: str
    """Schema of the parent."""
    parent: str
    columns: tuple[str, ...]
    """Columns of the parent that the child refers to."""
    child: str
    on_delete: bool
    on_update: bool


def cascades(ask: Callable[[str], list[tuple[Any, ...]]], schema: str) -> tuple[Cascade, ...]:
    """The foreign keys of ``schema``'s tables whose action changes rows.

    They are read from SHOW CREATE TABLE, which SELECT alone may see: ``information_schema.referential_constraints``
    shows nothing to an account that was granted tables one by one.
    """
    children = ask(
        "select distinct table_name from information_schema.key_column_usage"
        f" where table_schema = {mysql_literal(schema)} and referenced_table_name is not null order by table_name"
    )
    found = []
    for (child,) in children:
        ddl = str(ask(f"show create table {backticked(schema)}.{backticked(child)}")[0][1])
        for match in FOREIGN_KEY.finditer(ddl):
            on_delete, on_update = match["deleting"] in ACTS, match["updating"] in ACTS
            if on_delete or on_update:
                columns = tuple(_plain(each) for each in re.findall(NAME, match["columns"]))
                parent_schema = _plain(match["schema"]) if match["schema"] else schema
                found.append(
                    Cascade(schema=parent_schema, parent=_plain(match["parent"]), child=str(child), columns=columns,
                            on_delete=on_delete, on_update=on_update)
                )  # fmt: skip
    return tuple(found)


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`")
