"""Differences between the rows that were read and the lake's current state, as SQL: what deduplicates a repeated read.

Both sides are DuckDB relations; the result is raw rows: the table's columns plus ``_op``. A row whose key changed is a
delete and a create, also when only its case changed: keys are compared exactly. Deletes come first, so that two
spellings of one key at the source end as the current one. Reads and writes nothing: ``ingest`` runs the SQL.

    TableRead + current state ──▶ row_changes_sql() ──▶ rows with _op c, u, d (or r)
"""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.source.collation import CollationFold, folded_text_sql

NO_FOLDS: Mapping[str, CollationFold] = {}


class ReadScope(Enum):
    """How much of the table was read, and so what an absent row means."""

    WHOLE = "whole"
    """The whole table was read: an absent row was deleted."""
    PART = "part"
    """Some rows were read: absent rows are unknown."""
    SNAPSHOT = "snapshot"
    """The whole table was read as a new snapshot: every row is kept, changed or not."""


def row_changes_sql(
    *,
    read: str,
    state: str,
    key: Sequence[str],
    columns: Mapping[str, str],
    state_columns: Collection[str],
    scope: ReadScope = ReadScope.WHOLE,
    folds: Mapping[str, CollationFold] = NO_FOLDS,
) -> str:
    """SQL of the changes that turn ``state`` into ``read``: deletes first, and each part in the order of the key.

    Args:
        read: Relation of the rows as they are now.
        state: Relation of the rows that the lake has.
        key: Columns that identify a row, never NULL.
        columns: Type of each current column of the table, wide enough for the values of both sides.
        state_columns: Columns that the state has; the others are new and NULL there.
        scope: How much of the table ``read`` is.
        folds: Folds of the key's collations; needed only for ``ReadScope.PART``.
    """
    match = " and ".join(f"now.{quoted(name)} = was.{quoted(name)}" for name in key)
    first = quoted(key[0])
    pairs = [
        (f"now.{quoted(name)}", f"was.{quoted(name)}" if name in state_columns else "null")
        for name in columns
        if name not in key
    ]
    changed = " or ".join(f"{current} is distinct from {previous}" for current, previous in pairs) or "false"
    values = [
        # cast each side by itself: a CASE over BIGINT and UBIGINT is HUGEINT, which Parquet stores as a float
        f"case when now.{first} is null then cast({f'was.{quoted(name)}' if name in state_columns else 'null'} as"
        f" {kind})"
        f" else cast(now.{quoted(name)} as {kind}) end as {quoted(name)}"
        for name, kind in columns.items()
    ]
    order = ", ".join(quoted(name) for name in key)
    op = f"case when now.{first} is null then 'd' when was.{first} is null then 'c' else 'u' end"
    change_condition = f"now.{first} is null or was.{first} is null or ({changed})"
    if scope is ReadScope.SNAPSHOT:
        op, change_condition = f"case when now.{first} is null then 'd' else 'r' end", "true"
    join = "left join" if scope is ReadScope.PART else "full join"
    changes = f"select {', '.join(values)}, {op} as _op from {read} as now {join} {state} as was on {match}"
    changes = f"{changes} where {change_condition}"
    if scope is ReadScope.PART and folds:
        gone = (
            f"select {', '.join(_state_columns_sql(columns, state_columns))}, 'd' as _op from"
            f" ({_retyped_keys_sql(read, state, key, folds)})"
        )
        changes = f"{changes} union all {gone}"
    return f"select * from ({changes}) order by _op <> 'd', {order}"


def _retyped_keys_sql(read: str, state: str, key: Sequence[str], folds: Mapping[str, CollationFold]) -> str:
    """SQL of the rows of ``state`` whose key is spelled another way now; for the source it is the same key."""

    def compared(side: str, name: str) -> str:
        column = f"{side}.{quoted(name)}"
        return folded_text_sql(column, folds[name]) if name in folds else column

    is_same_key = " and ".join(f"{compared('now', name)} = {compared('was', name)}" for name in key)
    is_same_text = " and ".join(f"typed.{quoted(name)} = was.{quoted(name)}" for name in key)
    return (
        f"select was.* from {state} as was semi join {read} as now on {is_same_key} anti join {read} as typed on"
        f" {is_same_text}"
    )


def _state_columns_sql(columns: Mapping[str, str], state_columns: Collection[str]) -> list[str]:
    """Select list of a row of the state."""
    return [
        f"cast({quoted(name) if name in state_columns else 'null'} as {kind}) as {quoted(name)}"
        for name, kind in columns.items()
    ]
