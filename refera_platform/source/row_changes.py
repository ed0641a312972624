"""Differences between the rows that were read and the lake's current state, as SQL: what deduplicates a repeated read.

Both sides are DuckDB relations; the result is raw rows: the table's columns plus ``_op``. A row whose key changed is a
delete and a create, also when only its case changed: keys are compared exactly. Deletes come first, so that two
spellings of one key at the source end as the current one. Reads and writes nothing: ``ingest`` runs the SQL.

    TableRead + current state ──▶ row_changes_sql() ──▶ rows with _op c, u, d (or r)
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.source.collation import CollationFold, folded_text_sql


class ReadScope(Enum):
    """How much of the table was read, and so what an absent row means."""

    WHOLE = "whole"
    """The whole table was read: an absent row was deleted."""
    PART = "part"
    """Some rows were read: absent rows are unknown."""
    SNAPSHOT = "snapshot"
    """The whole table was read as a new snapshot: every row is kept, changed or not."""


@dataclass(frozen=True, kw_only=True)
class ComparedColumns:
    """Columns by which two sides of a table are compared."""

    key: Sequence[str]
    """Columns that identify a row, never NULL."""
    types: Mapping[str, str]
    """Type of each current column of the table, wide enough for the values of both sides."""
    state_columns: Collection[str]
    """Columns that the state has; the others are new and NULL there."""
    folds: Mapping[str, CollationFold] = field(default_factory=dict)
    """Folds of the key's collations; needed only for ``ReadScope.PART``."""

    def state_value(self, name: str, side: str) -> str:
        """SQL of a column's value in the state, which is ``side`` of the comparison."""
        return f"{side}{quoted(name)}" if name in self.state_columns else "null"


def row_changes_sql(read: str, state: str, columns: ComparedColumns, scope: ReadScope = ReadScope.WHOLE) -> str:
    """SQL of the changes that turn ``state`` into ``read``: deletes first, and each part in the order of the key.

    Args:
        read: Relation of the rows as they are now.
        state: Relation of the rows that the lake has.
        columns: Columns of both sides.
        scope: How much of the table ``read`` is.
    """
    key, first = columns.key, quoted(columns.key[0])
    match = " and ".join(f"now.{quoted(name)} = was.{quoted(name)}" for name in key)
    order = ", ".join(quoted(name) for name in key)
    is_created, is_deleted = f"was.{first} is null", f"now.{first} is null"
    op = f"case when {is_deleted} then 'd' when {is_created} then 'c' else 'u' end"
    condition = f"{is_deleted} or {is_created} or ({_is_changed_sql(columns)})"
    if scope is ReadScope.SNAPSHOT:
        op, condition = f"case when {is_deleted} then 'd' else 'r' end", "true"
    values = ", ".join(
        # cast each side by itself: a CASE over BIGINT and UBIGINT is HUGEINT, which Parquet stores as a float
        f"case when {is_deleted} then cast({columns.state_value(name, 'was.')} as {kind})"
        f" else cast(now.{quoted(name)} as {kind}) end as {quoted(name)}"
        for name, kind in columns.types.items()
    )
    join = "left join" if scope is ReadScope.PART else "full join"
    changes = f"""
        select {values}, {op} as _op
        from {read} as now {join} {state} as was on {match}
        where {condition}
    """
    if scope is ReadScope.PART and columns.folds:
        gone = ", ".join(
            f"cast({columns.state_value(name, '')} as {kind}) as {quoted(name)}" for name, kind in columns.types.items()
        )
        changes += f" union all select {gone}, 'd' as _op from ({_retyped_keys_sql(read, state, columns)})"
    return f"select * from ({changes}) order by _op <> 'd', {order}"


def _is_changed_sql(columns: ComparedColumns) -> str:
    """Condition that a column outside the key differs."""
    pairs = [
        f"now.{quoted(name)} is distinct from {columns.state_value(name, 'was.')}"
        for name in columns.types
        if name not in columns.key
    ]
    return " or ".join(pairs) or "false"


def _retyped_keys_sql(read: str, state: str, columns: ComparedColumns) -> str:
    """SQL of the rows of ``state`` whose key is spelled another way now; for the source it is the same key."""

    def compared(side: str, name: str) -> str:
        column = f"{side}.{quoted(name)}"
        return folded_text_sql(column, columns.folds[name]) if name in columns.folds else column

    is_same_key = " and ".join(f"{compared('now', name)} = {compared('was', name)}" for name in columns.key)
    is_same_text = " and ".join(f"typed.{quoted(name)} = was.{quoted(name)}" for name in columns.key)
    return (
        f"select was.* from {state} as was semi join {read} as now on {is_same_key} anti join {read} as typed on"
        f" {is_same_text}"
    )
