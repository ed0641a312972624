"""Rows that have no row event in the binlog, as SQL: a TRUNCATE, a replaced table, differences to the table as read.

Each gets a ``_position`` between its neighbours of the binlog. Runs nothing: ``day_writer`` does.
"""

from collections.abc import Collection, Mapping, Sequence

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.ingest.row_position import FIRST_ROW_SUFFIX, READ_FROM_LOG, READ_FROM_TABLE, position_suffix
from refera_platform.ingest.stream.changes import Truncation
from refera_platform.source.mysql.snapshot import TableRead
from refera_platform.source.position import Position
from refera_platform.source.row_changes import ComparedColumns, row_changes_sql


def truncation_position(truncation: Truncation, prefix: str) -> str:
    """First parts of the ``_position`` of the rows that a TRUNCATE removed."""
    return prefix + position_suffix(truncation.transaction.position, READ_FROM_LOG)


def truncated_rows_sql(state: str, key: Sequence[str], truncation: Truncation, prefix: str) -> str:
    """SQL of a delete, with the last known values, for each row that existed before a TRUNCATE.

    Args:
        state: Relation of the rows before it.
        key: Key of the table.
        truncation: The statement.
        prefix: First parts of the ``_position`` of the day's rows.
    """
    position = literal(truncation_position(truncation, prefix))
    order = ", ".join(quoted(name) for name in key)
    return f"""
        select
            * exclude (_op, _changed_at, _position),
            'd' as _op,
            to_timestamp({truncation.changed_second}) as _changed_at,
            {position} || lpad(cast(row_number() over (order by {order}) as varchar), 10, '0') as _position
        from {state}
    """


def replaced_rows_sql(versions: str, created: str, key: Sequence[str]) -> str:
    """SQL of a delete for each row whose key was created again with no delete event.

    This happens when the table was replaced by another one (RENAME, EXCHANGE PARTITION, CREATE OR REPLACE). The delete
    is ordered before the transaction that created the key, and after everything before it.

    Args:
        versions: Relation of all versions of the table's rows, with those of the day.
        created: Relation of the day's created rows.
        key: Key of the table.
    """
    keys = ", ".join(quoted(name) for name in key)
    # no name of a MySQL column ends in a blank
    following = ", ".join(
        f"lead({name}) over (partition by {keys} order by _position) as {quoted(f'{name} ')}"
        for name in ("_op", "_position", "_changed_at")
    )
    number = """lpad(cast(row_number() over (order by "_position ") as varchar), 9, '0')"""
    return f"""
        select
            * exclude (_op, _changed_at, _position, "_op ", "_changed_at ", "_position "),
            'd' as _op,
            "_changed_at " as _changed_at,
            left("_position ", {-len(FIRST_ROW_SUFFIX)}) || '{READ_FROM_TABLE}-9' || {number} as _position
        from (select *, {following} from {versions} semi join {created} using ({keys}))
        where _op <> 'd' and "_op " = 'c' and "_position " in (select _position from {created})
    """


def difference_rows_sql(
    pulled: TableRead,
    state: str | None,
    key: Sequence[str],
    column_types: Mapping[str, str],
    state_columns: Collection[str],
) -> str:
    """SQL of the differences between the table as it was read and the state made from the binlog, with ``_op``.

    Args:
        pulled: The table as it was read.
        state: Relation of the state; ``None`` without any row.
        key: Key of the table.
        column_types: The type in which each column is written.
        state_columns: Columns that the state has.
    """
    if state is None:
        return f"select *, 'c' as _op from {pulled.relation}"
    types = {column.name: column_types[column.name] for column in pulled.columns}
    return row_changes_sql(pulled.relation, state, ComparedColumns(key=key, types=types, state_columns=state_columns))


def positioned_differences_sql(differences: str, pulled: TableRead, position: Position, prefix: str) -> str:
    """SQL of the differences with the time of the read and the ``_position`` of the snapshot."""
    first_parts = literal(prefix + position_suffix(position, READ_FROM_TABLE))
    return f"""
        select
            *,
            timestamptz {literal(pulled.read_at.isoformat())} as _changed_at,
            {first_parts} || lpad(cast(row_number() over () as varchar), 10, '0') as _position
        from ({differences})
    """
