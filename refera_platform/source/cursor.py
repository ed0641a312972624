"""Cursor (high watermark) of query-based tables: how far its column has grown, and which rows must be read again.

A run starts a little below the highest value of the last run, so that equal values and late commits are read; rows that
the lake has already are not written twice (``row_changes``). Errors name what a cursor cannot follow: rows without a
value, a value that went backwards, a type that does not grow.

    SourceTable.cursor + last position ──▶ read_cursor_reach() ──▶ CursorReach (what to read, new position)
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation

from refera_platform.errors import SourceError
from refera_platform.source.column_names import is_among
from refera_platform.source.connection import Source
from refera_platform.source.table import SourceTable
from refera_platform.source.types import INTEGER_TYPES, SourceColumn, backticked

TEMPORAL_TYPES = frozenset({"date", "datetime", "timestamp"})
NUMERIC_TYPES = frozenset({*INTEGER_TYPES, "decimal"})
FIRST_DATE_LITERAL = "'0001-01-01'"
"""Only zero dates are below it, and they are invalid dates."""
MAX_CLOCK_LEAD = timedelta(days=1)
"""How far the writers' clocks may be ahead; a row from the year 9999 must not hide all later ones."""
EXACT_CONTEXT = Context(prec=100)
"""Arithmetic without rounding, for every number that a column can hold."""

CursorValue = datetime | Decimal
"""A value of a cursor column; a date is its midnight."""


@dataclass(frozen=True, kw_only=True)
class CursorReach:
    """How far a cursor column has grown now, and which rows to read."""

    position: str
    """The highest value, from which the next run starts: ``updated_at=2026-03-10 12:00:00``."""
    where: str
    """MySQL condition of the rows to read; empty for the whole table."""


def cursor_column(table: SourceTable, columns: tuple[SourceColumn, ...]) -> SourceColumn:
    """Find the cursor column among ``columns``, the result of ``Source.columns``.

    Raises:
        SourceError: when its type does not grow, or the declared overlap does not fit its type.
    """
    where = f"Table {table.address}"
    column = next(each for each in columns if is_among(each.name, [table.cursor]))
    if column.data_type not in TEMPORAL_TYPES | NUMERIC_TYPES:
        raise SourceError(
            f"{where} has a cursor {column.name} of type {column.column_type}, which does not grow with each change:",
            "choose a date, datetime, timestamp, integer or decimal column, or strategy compare.",
        )
    is_time = column.data_type in TEMPORAL_TYPES
    if isinstance(table.overlap, timedelta) != is_time:
        example = "overlap=timedelta(hours=1)" if is_time else "overlap=1000"
        raise SourceError(
            f"{where} has a cursor {column.name} of type {column.column_type} and an overlap of another kind:",
            f"declare it like {example}.",
        )
    return column


def read_cursor_reach(
    source: Source, table: SourceTable, column: SourceColumn, previous_position: str, now: datetime
) -> CursorReach:
    """Read how far the cursor column has grown.

    Args:
        source: An open session.
        table: Table of the cursor.
        column: The cursor column.
        previous_position: Position of the last run; empty to read the whole table.
        now: Current time in UTC.

    Raises:
        SourceError: when rows have no value, or the highest value is below that of the last run.
    """
    _require_values(source, table, column)
    highest = plausible_highest = _highest_value(source, table, column)
    horizon = now.replace(tzinfo=None) + MAX_CLOCK_LEAD
    if isinstance(highest, datetime) and highest > horizon:
        plausible_highest = _highest_value(
            source, table, column, f"{backticked(column.name)} <= {_literal(column, horizon)}"
        )
    cursor, _, previous_text = previous_position.rpartition("=")
    if cursor != column.name or not previous_text:
        return CursorReach(position=_position_text(column, plausible_highest), where="")
    previous = _parse_value(table, column, previous_text)
    if highest is None or _is_less(highest, previous):
        observed = f"is {_value_text(column, highest)} now" if highest is not None else "no row has one now"
        raise SourceError(
            f"The highest {column.name} of {table.address} was {previous_text} and {observed}: the database was"
            " restored, or its"
            " newest rows were deleted, which strategy cursor does not follow;",
            f"`refera resnapshot {table.address}` takes the table as it is now.",
            public_problem=f"The highest {column.name} of {table.address} is lower than at the last run, or does not"
            " exist: the database was restored, or its newest rows were deleted, which strategy cursor does not"
            " follow;",
        )
    furthest = previous if plausible_highest is None or _is_less(plausible_highest, previous) else plausible_highest
    return CursorReach(
        position=_position_text(column, furthest), where=_overlap_condition(column, previous, table.overlap)
    )


def _highest_value(
    source: Source, table: SourceTable, column: SourceColumn, condition: str = "true"
) -> CursorValue | None:
    select = f"select cast(max({backticked(column.name)}) as char) from {backticked(table.name)} where {condition}"
    text = source.ask(select)[0][0]
    return None if text is None else _parse_value(table, column, text)


def _is_less(one: CursorValue, other: CursorValue) -> bool:
    if isinstance(one, datetime):
        return isinstance(other, datetime) and one < other
    return isinstance(other, Decimal) and one < other


def count_table_rows(source: Source, table: SourceTable) -> int:
    """Number of all rows of the table, read again or not."""
    return int(source.ask(f"select cast(count(*) as signed) from {backticked(table.name)}")[0][0])


def _require_values(source: Source, table: SourceTable, column: SourceColumn) -> None:
    """Stop when rows have no value: such a row would never be read again."""
    name = backticked(column.name)
    condition = f"{name} is null" + (f" or {name} < {FIRST_DATE_LITERAL}" if column.data_type in TEMPORAL_TYPES else "")
    from_clause = f"from {backticked(table.name)} where {condition}"
    count = int(source.ask(f"select cast(count(*) as signed) {from_clause}")[0][0])
    if not count:
        return
    shown_columns = [each for each in table.key if each not in table.hashed]
    first = ""
    if shown_columns:
        key = ", ".join(backticked(each) for each in shown_columns)
        rows = source.ask(f"select {key} {from_clause} order by {key} limit 1")
        first = ", ".join(f"{each}={value!r}" for row in rows for each, value in zip(shown_columns, row, strict=True))
    problem = f"Table {table.address} has {count} rows without a {column.name}"
    why = "which strategy cursor would never see again"
    raise SourceError(
        f"{problem}, {why}{f' (the first is {first})' if first else ''}:",
        "fill the column in and make it NOT NULL, or choose strategy compare.",
        public_problem=f"{problem}, {why}:",
    )


def _overlap_condition(column: SourceColumn, previous: CursorValue, overlap: timedelta | int) -> str:
    """Condition of the rows from a little below ``previous``; empty when that is before the first date."""
    try:
        if isinstance(previous, datetime):
            bound: CursorValue = previous - overlap if isinstance(overlap, timedelta) else previous
        else:
            bound = EXACT_CONTEXT.subtract(previous, overlap) if isinstance(overlap, int) else previous
    except OverflowError:
        return ""
    return f"{backticked(column.name)} >= {_literal(column, bound)}"


def _position_text(column: SourceColumn, value: CursorValue | None) -> str:
    return f"{column.name}={_value_text(column, value) if value is not None else ''}"


def _value_text(column: SourceColumn, value: CursorValue) -> str:
    """The one text of a value."""
    if isinstance(value, datetime):
        return str(value.date()) if column.data_type == "date" else str(value)
    return f"{value:f}"


def _literal(column: SourceColumn, value: CursorValue) -> str:
    """MySQL literal of the column's own type, so that the server can use an index."""
    kind = "date" if column.data_type == "date" else "datetime(6)"
    return f"cast('{_value_text(column, value)}' as {kind})" if isinstance(value, datetime) else f"{value:f}"


def _parse_value(table: SourceTable, column: SourceColumn, text: str) -> CursorValue:
    try:
        if column.data_type == "date":
            return datetime.combine(date.fromisoformat(text), datetime.min.time())
        return datetime.fromisoformat(text) if column.data_type in TEMPORAL_TYPES else Decimal(text)
    except (ValueError, InvalidOperation):
        raise SourceError(
            f"The cursor {column.name} of {table.address} holds {text!r}, which does not exist:",
            "correct the row at the source.",
            public_problem=f"The cursor {column.name} of {table.address} holds a value that does not exist:",
        ) from None
