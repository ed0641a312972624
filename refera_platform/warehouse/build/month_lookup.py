"""In which months the rows of a day's changes lie, and lay before, looked up in what is published.

new raw rows ──▶ keys ──▶ months near (where they are now) ──▶ what is left, far (whose range of keys fits)
"""

from collections.abc import Iterator, Mapping

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.lake.lake import run
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.source.catalog import TABLES
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.build.inputs import Inputs
from refera_platform.warehouse.dbt_project import Months
from refera_platform.warehouse.publish.publication import PublishedModel, relation

LEAST, MOST = "least_key", "most_key"
"""Measures of a month that bound the first column by which its rows are found."""


def dated(months: Months, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The months that the changed rows themselves name: where they lie now, or lay until they were deleted."""
    found = set()
    for table in _of(months.dated_by):
        column = quoted(months.dated_by[table.name])
        rows = run(
            connection,
            f"select distinct substr(cast(cast({column} as date) as varchar), 1, 7)"
            f" from {_raw(table)} where {column} is not null",
        )
        found |= {month for (month,) in rows.fetchall()}
    return found


def found(
    name: str,
    months: Months,
    published: PublishedModel,
    near: frozenset[str],
    inputs: Inputs,
    connection: duckdb.DuckDBPyConnection,
    copies: LocalCopies,
) -> set[str]:
    """The months in which the changed rows lay before.

    A row lies in one month. So one that is found near needs no further look, nor does one that was created: where the
    rows of a table are counted, a creation of what was there already is a wrong count, which the audit sees.

    Args:
        name: The model in which rows are looked up.
        months: How they are found.
        published: What is published of it.
        near: Months that are written anew in any case.
        inputs: What is new.
        connection: Session in which the new raw rows are registered.
        copies: Local copies of the warehouse's objects.
    """
    kinds = published.columns
    columns = list(months.found_by)
    keys = " union all ".join(
        f"select {', '.join(_as(months.found_by[column][table.name], kinds[column], column) for column in columns)},"
        f" {_created(table, months, inputs)} as created, _position as place from {_raw(table)}"
        for table in _of(months.found_by[columns[0]])
    )
    listed = ", ".join(map(quoted, columns))
    run(
        connection,
        "create or replace temp table changed_keys as"
        f" select {listed}, coalesce(arg_min(created, place) filter (where created is not null), false) as is_created"
        f" from ({keys}) group by {listed}",
    )
    match = " and ".join(f"p.{quoted(column)} = c.{quoted(column)}" for column in columns)
    by = quoted(months.by)
    close = relation(copies, name, published, near)
    run(
        connection,
        f"create or replace temp table found_near as select {listed} from changed_keys as c"
        f" semi join {close} as p on {match}",
    )
    first = quoted(columns[0])
    left = "(select * from changed_keys as c where not is_created and not exists"
    left += f" (select 1 from found_near as p where {match}))"
    bounds = run(connection, f"select min({first}), max({first}) from {left}").fetchone()
    if bounds is None or bounds[0] is None:
        return set()
    far = {
        month
        for month, item in published.by_month.items()
        if month not in near
        and (LEAST not in item.totals or (int(item.totals[LEAST]) <= bounds[1] and int(item.totals[MOST]) >= bounds[0]))
    }
    rows = run(
        connection,
        f"select distinct p.{by} from {relation(copies, name, published, far)} as p semi join {left} as c on {match}",
    )
    return {month for (month,) in rows.fetchall()}


def _created(table: SourceTable, months: Months, inputs: Inputs) -> str:
    """SQL of whether a raw row creates the row that is looked up; NULL when it is of another table."""
    if table.name not in months.dated_by:
        return "cast(null as boolean)"
    newest = [item.state for item in inputs.days[table].values() if item.state.is_observed][-1]
    return f"_op = {literal('c')}" if newest.table_rows is not None else "false"


def _of(columns: Mapping[str, str]) -> Iterator[SourceTable]:
    """The declared tables that a mapping has a column of."""
    return (table for table in TABLES if table.name in columns)


def _raw(table: SourceTable) -> str:
    return f"{quoted(table.database)}.{quoted(table.name)}"


def _as(column: str, kind: str, name: str) -> str:
    """A column of a key as staging has it: as it was typed."""
    return f"cast({quoted(column)} as {kind}) as {quoted(name)}"
