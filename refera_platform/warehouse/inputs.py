"""What a build reads: a fixed list of raw objects, so that the warehouse shows one moment of the lake.

Lake ──pin()──▶ Inputs ──register()──▶ views classicmodels.* and refera.captured_days in the build's database
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from refera_platform.engine import literal, quoted
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import CONTRACT, Lake, RawObject, raw_rows, run
from refera_platform.source.catalog import TABLES
from refera_platform.source.table import SourceTable, Strategy


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The raw objects of every declared table, as they were when a build began."""

    days: Mapping[SourceTable, Mapping[date, RawObject]]

    def described(self) -> dict[str, dict[str, object]]:
        """For the published manifest: what each table's data is worth, and its objects."""
        return {
            table.address: {
                "day": str(max(days)),
                "end_position": list(days.values())[-1].state.end_position,
                "server": list(days.values())[-1].state.server,
                "objects": [{"key": item.stored.key, "etag": item.stored.etag} for item in days.values()],
            }
            for table, days in self.days.items()
            if days
        }


def pin(lake: Lake, connection: duckdb.DuckDBPyConnection) -> Inputs:
    """Fix the list of raw objects.

    Raises:
        WarehouseError: naming the tables that were never captured.
    """
    days = {table: lake.days(table, connection) for table in TABLES}
    if empty := [table.address for table, captured in days.items() if not captured]:
        raise WarehouseError(
            f"The lake has no day of {', '.join(empty)} yet:", "capture one with `refera run`."
        )
    return Inputs(days=days)


def require_unchanged(lake: Lake, inputs: Inputs) -> None:
    """Refuse a build during which a raw object was replaced.

    Raises:
        WarehouseError: naming the table; nothing was published.
    """
    for table, days in inputs.days.items():
        if lake.stored_days(table) != {day: item.stored for day, item in days.items()}:
            raise WarehouseError(
                f"Raw objects of {table.address} changed during the build, so nothing was published:",
                "run the build again.",
                passing=True,
            )


def register(connection: duckdb.DuckDBPyConnection, inputs: Inputs) -> None:
    """Create the relations that the dbt project declares as its sources."""
    run(connection, "create schema if not exists refera")
    run(
        connection,
        "create or replace table refera.captured_days (database_name varchar, table_name varchar, day date,"
        " is_observed boolean, captured_at timestamptz, row_count bigint)",
    )
    for table, days in inputs.days.items():
        schema, name = quoted(table.database), quoted(table.name)
        objects = [item for item in days.values() if item.state.is_observed]
        if table.strategy is Strategy.SNAPSHOT:
            objects = objects[-1:]  # each day is a copy of the table: only the newest is its state
        run(connection, f"create schema if not exists {schema}")
        rows = raw_rows([item.stored.url for item in objects], with_day=True)
        # the columns of today: a model that reads one which the source has no more must fail, not read NULL
        columns = ", ".join([*(quoted(column) for column in objects[-1].state.columns), *CONTRACT, "day"])
        run(connection, f"create or replace view {schema}.{name} as select {columns} from {rows}")
        values = ", ".join(
            f"({literal(table.database)}, {literal(table.name)}, date {literal(str(day))}, {item.state.is_observed},"
            f" timestamptz {literal(item.state.captured_at)}, {item.state.row_count})"
            for day, item in days.items()
        )
        run(connection, f"insert into refera.captured_days values {values}")
