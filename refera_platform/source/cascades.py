"""Cascades: foreign keys whose actions change rows without events in the binlog.

InnoDB runs ON DELETE and ON UPDATE actions below the layer that writes the binlog (MySQL until 9.5, MariaDB): children
of a deleted parent vanish without an event. A reader of the binlog must therefore compare them (``ingest.stream``). An
action may pass through tables that are not copied and other schemas, so foreign keys are followed to every parent.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from refera_platform.errors import SourceError
from refera_platform.source.types import backticked, mysql_literal

Ask = Callable[[str], list[tuple[Any, ...]]]
TableName = tuple[str, str]
"""Schema and table."""

NAME_PATTERN = r"`(?:[^`]|``)*`"
FOREIGN_KEY = re.compile(
    rf"^ *CONSTRAINT {NAME_PATTERN} FOREIGN KEY \([^\n]*?\) REFERENCES"
    rf" (?:(?P<schema>{NAME_PATTERN})\.)?(?P<parent>{NAME_PATTERN})"
    rf" \((?P<columns>{NAME_PATTERN}(?:, ?{NAME_PATTERN})*)\)(?: ON DELETE (?P<deleting>[A-Z]+(?: [A-Z]+)?))?"
    r"(?: ON UPDATE (?P<updating>[A-Z]+(?: [A-Z]+)?))?,?$",
    re.MULTILINE,
)
CASCADING_ACTIONS = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """One foreign key with an action."""

    schema: str
    """Schema of the parent."""
    parent: str
    columns: tuple[str, ...]
    """Columns of the parent that the child references."""
    child_schema: str
    child: str
    on_delete: bool
    on_update: bool


@dataclass(frozen=True, kw_only=True)
class Cascades:
    """The foreign keys with an action that lead to the tables of one schema."""

    schema: str
    acting: tuple[Cascade, ...]
    ancestors: frozenset[TableName]
    """Direct and indirect parents whose own foreign keys were read."""
    hidden_parents: frozenset[TableName] = field(default_factory=frozenset)
    """Parents that the account may not see: what deletes or changes their rows is unknown."""

    def with_descendants(self, tables: Collection[TableName]) -> frozenset[TableName]:
        """The tables and all tables whose rows may change with theirs; in doubt too many."""
        related, pending = set[TableName](), list(tables)
        while pending:
            table = pending.pop()
            if table not in related:
                related.add(table)
                pending += [
                    (each.child_schema, each.child) for each in self.acting if (each.schema, each.parent) == table
                ]
        return frozenset(related)

    def hidden_parents_of(self, table: str) -> tuple[str, ...]:
        """Hidden parents whose changes may change rows of ``table``, as ``schema.table``."""
        own = (self.schema, table)
        return tuple(
            ".".join(each) for each in sorted(self.hidden_parents) if own in self.with_descendants([each]) - {each}
        )


def find_cascades(ask: Ask, schema: str, tables: Collection[str] | None = None) -> Cascades:
    """Find the foreign keys whose actions change rows of tables of ``schema``, directly or through other tables.

    They are read from SHOW CREATE TABLE, for which SELECT is enough: ``information_schema.referential_constraints`` is
    empty for an account that was granted single tables. Only tables on the way are queried, so the server's other
    schemas cost nothing.

    Args:
        ask: Runs a query on the server.
        schema: Schema of the tables.
        tables: Their names; ``None`` for all that have a foreign key.

    Raises:
        SourceError: when the definition of one of the tables cannot be read.
    """
    children = ask(
        "select distinct table_name from information_schema.key_column_usage"
        f" where table_schema = {mysql_literal(schema)} and referenced_table_name is not null order by table_name"
    )
    names = [str(child) for (child,) in children]
    pending: list[TableName] = [(schema, child) for child in names if tables is None or child in tables]
    acting, visited, parents, hidden = list[Cascade](), set(pending), set[TableName](), set[TableName]()
    while pending:
        table = pending.pop(0)
        try:
            ddl = str(ask(f"show create table {'.'.join(map(backticked, table))}")[0][1])
        except SourceError as refusal:
            if refusal.is_transient or table not in parents:
                raise
            hidden.add(table)
            continue
        for each in _acting_foreign_keys(table, ddl):
            acting.append(each)
            parent = (each.schema, each.parent)
            parents.add(parent)
            if parent not in visited:
                visited.add(parent)
                pending.append(parent)
    return Cascades(
        schema=schema,
        acting=tuple(acting),
        ancestors=frozenset(parents - hidden),
        hidden_parents=frozenset(hidden),
    )


def reference_grants(tables: Collection[TableName], account: str) -> list[str]:
    """GRANT statements with which an account sees the foreign keys of tables, but none of their rows."""
    return [f"GRANT REFERENCES ON {'.'.join(map(backticked, table))} TO {account};" for table in sorted(tables)]


def _acting_foreign_keys(table: TableName, ddl: str) -> Iterator[Cascade]:
    """The foreign keys of a table that have an action."""
    for match in FOREIGN_KEY.finditer(ddl):
        on_delete, on_update = match["deleting"] in CASCADING_ACTIONS, match["updating"] in CASCADING_ACTIONS
        if on_delete or on_update:
            columns = tuple(_unquoted_name(each) for each in re.findall(NAME_PATTERN, match["columns"]))
            yield Cascade(
                schema=_unquoted_name(match["schema"]) if match["schema"] else table[0],
                parent=_unquoted_name(match["parent"]),
                columns=columns,
                child_schema=table[0],
                child=table[1],
                on_delete=on_delete,
                on_update=on_update,
            )


def _unquoted_name(name: str) -> str:
    return name[1:-1].replace("``", "`")
