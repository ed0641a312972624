"""Foreign keys by which the server changes rows of a table on its own: such changes are in no log.

InnoDB carries out ON DELETE and ON UPDATE actions below the layer that writes the log (MySQL until 9.5, MariaDB), so
the children of a deleted parent go without a word. Whoever reads the log must look at them. A row may go by way of
tables that nobody copies, also of other schemas: foreign keys are followed from child to parent wherever they lead.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from refera_platform.errors import SourceError
from refera_platform.source.types import backticked, mysql_literal

Ask = Callable[[str], list[tuple[Any, ...]]]
Name = tuple[str, str]
"""Schema and table."""

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
    child_schema: str
    child: str
    on_delete: bool
    on_update: bool


@dataclass(frozen=True, kw_only=True)
class Cascades:
    """The foreign keys with an action that lead to the tables of one schema."""

    schema: str
    acting: tuple[Cascade, ...]
    ancestors: frozenset[Name]
    """Parents, and their parents, whose own foreign keys were looked at."""
    unseen: frozenset[Name] = field(default_factory=frozenset)
    """Those that the account may not see: nobody knows what takes rows of theirs."""

    def with_descendants(self, tables: Collection[Name]) -> frozenset[Name]:
        """The tables and all whose rows may change with theirs; rather too many than too few."""
        found, open_ones = set[Name](), list(tables)
        while open_ones:
            table = open_ones.pop()
            if table not in found:
                found.add(table)
                open_ones += [
                    (each.child_schema, each.child) for each in self.acting if (each.schema, each.parent) == table
                ]
        return frozenset(found)

    def unwatched(self, table: str) -> tuple[str, ...]:
        """The unseen parents that rows of a table of the schema may go with, as ``schema.table``."""
        own = (self.schema, table)
        return tuple(".".join(each) for each in sorted(self.unseen) if own in self.with_descendants([each]) - {each})


def cascades(ask: Ask, schema: str, tables: Collection[str] | None = None) -> Cascades:
    """The foreign keys whose action changes rows of tables of ``schema``, directly or by way of other tables.

    They are read from SHOW CREATE TABLE, which SELECT alone may see: ``information_schema.referential_constraints``
    shows nothing to an account that was granted tables one by one. Only tables on the way are asked for, so that the
    other schemas of a server cost nothing.

    Args:
        ask: Asks the server.
        schema: Where the tables are.
        tables: Their names; all that have a foreign key when nothing is said.
    """
    children = ask(
        "select distinct table_name from information_schema.key_column_usage"
        f" where table_schema = {mysql_literal(schema)} and referenced_table_name is not null order by table_name"
    )
    names = [str(child) for (child,) in children]
    open_ones: list[Name] = [(schema, child) for child in names if tables is None or child in tables]
    found, looked_at, parents, unseen = list[Cascade](), set(open_ones), set[Name](), set[Name]()
    while open_ones:
        table = open_ones.pop(0)
        try:
            ddl = str(ask(f"show create table {'.'.join(map(backticked, table))}")[0][1])
        except SourceError as refusal:
            if refusal.passing or table not in parents:
                raise
            unseen.add(table)
            continue
        for each in _acting(table, ddl):
            found.append(each)
            parent = (each.schema, each.parent)
            parents.add(parent)
            if parent not in looked_at:
                looked_at.add(parent)
                open_ones.append(parent)
    return Cascades(
        schema=schema,
        acting=tuple(found),
        ancestors=frozenset(parents - unseen),
        unseen=frozenset(unseen),
    )


def reference_grants(tables: Collection[Name], account: str) -> list[str]:
    """The statements by which an account sees the foreign keys of some tables, and none of their rows."""
    return [f"GRANT REFERENCES ON {'.'.join(map(backticked, table))} TO {account};" for table in sorted(tables)]


def _acting(table: Name, ddl: str) -> Iterator[Cascade]:
    """The foreign keys with an action of a table."""
    for match in FOREIGN_KEY.finditer(ddl):
        on_delete, on_update = match["deleting"] in ACTS, match["updating"] in ACTS
        if on_delete or on_update:
            columns = tuple(_plain(each) for each in re.findall(NAME, match["columns"]))
            yield Cascade(
                schema=_plain(match["schema"]) if match["schema"] else table[0],
                parent=_plain(match["parent"]),
                columns=columns,
                child_schema=table[0],
                child=table[1],
                on_delete=on_delete,
                on_update=on_update,
            )


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`")
