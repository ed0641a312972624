"""Tables and series of a page: bounded rows for people, and bounded rows for charts.

DuckDB does all aggregation. Numbers in tables stay exact (decimals are sent as text); only charts get floats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from refera_platform.answers.report.page_queries import PageQueries, bare
from refera_platform.answers.report.values import divide, to_json_value
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import QueryError
from refera_platform.project.report_declarations import (
    ChartDeclaration,
    ColumnDeclaration,
    Kind,
    PageDeclaration,
    PageTable,
    Quotient,
    TableColumn,
    Text,
)

ID_ENDINGS = ("_id", "_key", "_number", "_code", "_year")
"""How integer columns end that nobody adds up."""


@dataclass(frozen=True, kw_only=True)
class ReportColumn:
    """One column of a table on the page."""

    name: str
    kind: Kind
    label: Text | None = None
    """Its heading in this table, where that is not what the page calls the column."""
    is_summed: bool = False
    """Whether it has a total: distinct counts, for example, do not add up."""
    is_pivoted: bool = False
    """Whether its name is a value of the data, like ``2026-11``."""


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A table's rows in the page."""

    name: str
    columns: tuple[ReportColumn, ...]
    rows: Sequence[Sequence[Any]]
    total: Sequence[Any] | None
    """Sums over all rows, including those that are not in the page."""
    row_count: int
    """Number of all rows."""


@dataclass(frozen=True, kw_only=True)
class _TableQuery:
    """SQL of all rows of a table, and the columns in the order of the page; none when all are shown."""

    sql: str
    columns: tuple[TableColumn, ...]
    pivoted: frozenset[str] = frozenset()


def read_table(queries: PageQueries, section: str, said: PageTable) -> ReportTable:
    """The first rows of a table and the totals of all rows.

    Raises:
        QueryError: naming the page's file, section and table.
    """
    element = f"section {section}, table {said.key}"
    query = _table_query(queries, said, element)
    selected = [column.name for column in query.columns if column.name not in said.quotients]
    summed = [*said.totals, *sorted(query.pivoted)]
    order = f" order by {said.order}\n" if said.order else ""
    names = ", ".join(map(quoted, selected)) or "*"
    result = queries.read(f"select {names} from (\n{query.sql}\n){order} limit {said.first}", element)
    columns = query.columns or tuple(TableColumn(name=name) for name in (*result.columns, *said.quotients))
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    sums = "".join(f", sum({quoted(name)})" for name in summed)
    ((row_count, *totals),) = queries.read(f"select count(*){sums} from (\n{query.sql}\n)", element).rows
    total = dict(zip(summed, totals, strict=True)) if summed and row_count else None
    drawn = tuple(_drawn_column(queries.report.page, column, said, query.pivoted, rows) for column in columns)
    return ReportTable(
        name=said.key,
        columns=drawn,
        rows=[_row_values(drawn, row, said.quotients) for row in rows],
        total=None if total is None else _row_values(drawn, total, said.quotients),
        row_count=row_count,
    )


def read_series(queries: PageQueries, section: str, chart: ChartDeclaration) -> list[dict[str, Any]]:
    """The rows of a chart, by column name.

    Raises:
        QueryError: naming the page's file, section and chart.
    """
    element = f"section {section}, chart {chart.name}"
    result = queries.read(f"select * from (\n{bare(chart.sql)}\n) limit {chart.limit}", element)
    if missing := [name for name in chart.columns if name not in result.columns]:
        raise QueryError(
            f"{queries.report.file}, {element}: its SQL has no column {', '.join(missing)}:",
            f"name one of {', '.join(result.columns)}.",
        )
    return [
        {name: _to_chart_value(value) for name, value in zip(result.columns, row, strict=True)} for row in result.rows
    ]


def _to_chart_value(value: Any) -> Any:
    """A value as charts want it: a day as the browser's local midnight.

    A bare date is read as UTC, and falls on the day before west of Greenwich.
    """
    if isinstance(value, Decimal):
        return to_json_value(float(value))
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value.isoformat()}T00:00:00"
    return to_json_value(value)


def _table_query(queries: PageQueries, said: PageTable, element: str) -> _TableQuery:
    sql = bare(said.sql) or f"from {quoted(said.of)}"
    if said.pivot is None:
        return _TableQuery(sql=sql, columns=tuple(said.columns))
    pivot, kinds = said.pivot, {column.name: _declared_kind(queries.report.page, column) for column in said.columns}
    by = quoted(pivot.by)
    by = f"date_trunc('month', {by})::date" if kinds[pivot.by] == "month" else by
    distinct = f"select distinct {by} as pivoted from (\n{sql}\n) where pivoted is not null order by 1 desc"
    values = queries.read(f"{distinct} limit {pivot.first}", element).rows
    shown = {str(value): f"{value:%Y-%m}" if kinds[pivot.by] == "month" else str(value) for (value,) in values}
    spread = {
        name: f"sum({quoted(pivot.value)}) filter (where ({by})::varchar = {literal(value)}) as {quoted(name)}"
        for value, name in shown.items()
    }
    columns: list[TableColumn] = []
    for column in said.columns:
        columns += [TableColumn(name=name) for name in spread] if column.name == pivot.by else [column]
    selected = [
        f"sum({quoted(column.name)}) as {quoted(column.name)}" if column.name in said.totals else quoted(column.name)
        for column in said.columns
        if column.name not in {pivot.by, *said.quotients}
    ]
    pivoted_sql = f"select {', '.join([*selected, *spread.values()])} from (\n{sql}\n) group by all"
    return _TableQuery(sql=pivoted_sql, columns=tuple(columns), pivoted=frozenset(spread))


def _declared_kind(page: PageDeclaration, column: TableColumn) -> Kind | None:
    return column.kind or page.columns.get(column.name, ColumnDeclaration()).kind


def _drawn_column(
    page: PageDeclaration,
    column: TableColumn,
    said: PageTable,
    pivoted: frozenset[str],
    rows: Sequence[Mapping[str, Any]],
) -> ReportColumn:
    is_pivoted = column.name in pivoted
    if is_pivoted and said.pivot:
        kind = _declared_kind(page, TableColumn(name=said.pivot.value))
    else:
        kind = _declared_kind(page, column)
    values = (value for row in rows if (value := row.get(column.name)) is not None)
    default: Kind = "amount" if column.name in said.quotients else _kind_of(column.name, next(values, None))
    return ReportColumn(
        name=column.name,
        kind=kind or default,
        label=column.label,
        is_summed=is_pivoted or column.name in said.totals,
        is_pivoted=is_pivoted,
    )


def _kind_of(name: str, value: Any) -> Kind:
    """How a column without a declaration is written, by its name and a value of it."""
    if isinstance(value, bool):
        return "text"
    if isinstance(value, int):
        return "id" if name.endswith(ID_ENDINGS) else "integer"
    if isinstance(value, Decimal):
        return "amount"
    if isinstance(value, float):
        return "number"
    return "date" if isinstance(value, date) else "text"


def _row_values(
    columns: Sequence[ReportColumn], values: Mapping[str, Any], quotients: Mapping[str, Quotient]
) -> list[Any]:
    """A row in the order of the columns, with the quotients that are computed here."""
    return [
        to_json_value(divide(quotient, values) if (quotient := quotients.get(column.name)) else values.get(column.name))
        for column in columns
    ]
