"""Lookup of months: finds the months in which changed rows lie now and lay before, in the previous publication.

new raw rows ──▶ keys ──▶ near months (rebuilt anyway) ──▶ keys not found there: far months, by their range of keys
"""

from collections.abc import Iterator, Mapping

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.lake.lake import observed_states, run_sql
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.build.inputs import BuildInputs
from refera_platform.warehouse.dbt_project import DbtModel, MonthlyStorage
from refera_platform.warehouse.publish.manifest import published_relation

LEAST_KEY_MEASURE, GREATEST_KEY_MEASURE = "least_key", "most_key"
"""Measures of a month: least and greatest value of the first column in ``found_by``."""


def months_of_changed_rows(
    context: BuildContext, months: MonthlyStorage, connection: duckdb.DuckDBPyConnection
) -> set[str]:
    """The months that the changed rows name themselves: by their date now, or by their date when they were deleted."""
    named_months = set()
    for table in _tables_with_column(context, months.dated_by):
        column = quoted(months.dated_by[table.name])
        rows = run_sql(
            connection,
            f"select distinct substr(cast(cast({column} as date) as varchar), 1, 7)"
            f" from {_raw_relation(table)} where {column} is not null",
        )
        named_months |= {month for (month,) in rows.fetchall()}
    return named_months


def months_of_previous_rows(
    context: BuildContext,
    model: DbtModel,
    near_months: frozenset[str],
    inputs: BuildInputs,
    connection: duckdb.DuckDBPyConnection,
) -> set[str]:
    """The months in which the changed rows lay before; none for a model that is not stored by month.

    A row lies in one month, so a row found in a near month is not looked up further. Nor is a created row: where a
    table's rows are counted, a creation of an existing row makes a wrong count, which the audit finds.

    Args:
        context: The build, with the previous publication.
        model: Model in which the rows are looked up, by the columns of its monthly storage.
        near_months: Months that are rebuilt in any case.
        inputs: Raw objects of the build.
        connection: Session in which the new raw rows are registered.
    """
    if model.months is None:
        return set()
    months, published, copies = model.months, context.previous_tables[model.name], context.copies
    column_types = published.columns
    columns = list(months.found_by)

    def key_columns_of(table: SourceTable) -> str:
        return ", ".join(
            _typed_key_column(months.found_by[column][table.name], column_types[column], column) for column in columns
        )

    keys = " union all ".join(
        f"select {key_columns_of(table)}, {_is_creation_sql(table, months, inputs)} as created,"
        f" _position as place from {_raw_relation(table)}"
        for table in _tables_with_column(context, months.found_by[columns[0]])
    )
    key_columns = ", ".join(map(quoted, columns))
    run_sql(
        connection,
        "create or replace temp table changed_keys as"
        f" select {key_columns}, coalesce(arg_min(created, place) filter (where created is not null), false) as"
        " is_created"
        f" from ({keys}) group by {key_columns}",
    )
    match = " and ".join(f"p.{quoted(column)} = c.{quoted(column)}" for column in columns)
    month_column = quoted(months.by)
    near_rows = published_relation(copies, model.name, published, near_months)
    run_sql(
        connection,
        f"create or replace temp table found_near as select {key_columns} from changed_keys as c"
        f" semi join {near_rows} as p on {match}",
    )
    first = quoted(columns[0])
    keys_not_found = "(select * from changed_keys as c where not is_created and not exists"
    keys_not_found += f" (select 1 from found_near as p where {match}))"
    bounds = run_sql(connection, f"select min({first}), max({first}) from {keys_not_found}").fetchone()
    if bounds is None or bounds[0] is None:
        return set()
    far_months = {
        month
        for month, item in published.by_month.items()
        if month not in near_months
        and (
            LEAST_KEY_MEASURE not in item.totals
            or (
                int(item.totals[LEAST_KEY_MEASURE]) <= bounds[1] and int(item.totals[GREATEST_KEY_MEASURE]) >= bounds[0]
            )
        )
    }
    rows = run_sql(
        connection,
        f"select distinct p.{month_column} from {published_relation(copies, model.name, published, far_months)} as p"
        f" semi join {keys_not_found} as c on {match}",
    )
    return {month for (month,) in rows.fetchall()}


def _is_creation_sql(table: SourceTable, months: MonthlyStorage, inputs: BuildInputs) -> str:
    """SQL of whether a raw row creates the row that is looked up; NULL when the row is of another table."""
    if table.name not in months.dated_by:
        return "cast(null as boolean)"
    newest = observed_states(inputs.days[table])[-1]
    return f"_op = {literal('c')}" if newest.table_rows is not None else "false"


def _tables_with_column(context: BuildContext, columns: Mapping[str, str]) -> Iterator[SourceTable]:
    """The declared tables that a mapping names a column of."""
    return (table for table in context.tables if table.name in columns)


def _raw_relation(table: SourceTable) -> str:
    return f"{quoted(table.database)}.{quoted(table.name)}"


def _typed_key_column(column: str, kind: str, name: str) -> str:
    """A key column cast to its published type, under its published name."""
    return f"cast({quoted(column)} as {kind}) as {quoted(name)}"
