"""Inputs of a build: a fixed list of raw objects, so that all models show the lake at one instant.

Lake ──pin_inputs()──▶ BuildInputs ──register_inputs()──▶ views classicmodels.* and refera.* in the build's database
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import CONTRACT_COLUMNS, Lake, RawObject, object_rows, run_sql
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.lake.objects import StoredObject
from refera_platform.lake.schema_evolution import newest_column_types
from refera_platform.lake.writer import empty_rows
from refera_platform.source.column_names import is_among
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.totals import MAX_GROUPS
from refera_platform.warehouse.build.collations import define_folding_macros
from refera_platform.warehouse.publish.manifest import Publication, inputs_key

RawObjectsByDay = Mapping[date, RawObject]
CAPTURED_DAYS_COLUMNS = (
    "database_name varchar, table_name varchar, day date, is_observed boolean, captured_at timestamptz,"
    " row_count bigint, is_new boolean, is_continued boolean, lake_rows bigint, source_rows bigint,"
    " source_money decimal(38, 6)"
)
SOURCE_GROUPS_COLUMNS = (
    "database_name varchar, table_name varchar, day date, group_kind varchar, group_value varchar, row_count bigint,"
    " money decimal(38, 6), is_whole boolean"
)


@dataclass(frozen=True, kw_only=True)
class BuildInputs:
    """The raw objects of every declared table when a build began."""

    days: Mapping[SourceTable, RawObjectsByDay]
    previous_days: Mapping[SourceTable, RawObjectsByDay]
    """The raw objects that the previous complete publication read, as they were then."""

    def new_days(self, table: SourceTable) -> dict[date, RawObject]:
        """The days of a table that no publication has read in their present state."""
        previous = self.previous_days.get(table, {})
        return {
            day: item
            for day, item in self.days[table].items()
            if day not in previous or previous[day].stored.etag != item.stored.etag
        }

    def previous_row_count(self, table: SourceTable, day: date) -> int:
        """Rows of a day's object that the previous publication read; newer rows follow them in the object."""
        previous = self.previous_days.get(table, {}).get(day)
        return previous.state.row_count if previous else 0

    def new_row_count(self, table: SourceTable) -> int:
        """Rows that no publication has read."""
        return sum(
            item.state.row_count - self.previous_row_count(table, day) for day, item in self.new_days(table).items()
        )

    def objects_to_read(self, table: SourceTable, *, only_new: bool) -> list[RawObject]:
        """The objects of a table that a build reads. Empty objects are skipped; the newest is not, for its columns.

        Args:
            table: Source table.
            only_new: Whether the build reads only what the previous publication had not read.
        """
        days = self.new_days(table) if only_new else self.days[table]
        observed = [item for item in days.values() if item.state.is_observed]
        if table.strategy is Strategy.SNAPSHOT:
            return observed[-1:]  # each day is a full copy of the table, so only the newest is its state
        return [item for item in observed if item.state.row_count or item is observed[-1]]

    def with_local_copies(self, copies: LocalCopies, *, only_new: bool) -> "BuildInputs":
        """The same inputs with local copies, whose bytes were verified, in place of the objects that a build reads.

        Args:
            copies: Local copies of the lake's objects.
            only_new: Whether the build reads only what the previous publication had not read.
        """
        needed = {table: self.objects_to_read(table, only_new=only_new) for table in self.days}
        copies.paths({item.stored.key: item.stored.etag for items in needed.values() for item in items})
        days = {table: copies.days_with_copies(self.days[table], items) for table, items in needed.items()}
        return BuildInputs(days=days, previous_days=self.previous_days)

    def to_manifest_sources(self) -> dict[str, dict[str, object]]:
        """Sources for the manifest: newest day, position, server and number of objects of each table."""
        return {
            table.address: {
                "day": str(max(days)),
                "end_position": list(days.values())[-1].state.end_position,
                "server": list(days.values())[-1].state.server,
                "captured_at": list(days.values())[-1].state.source_read_at,
                "objects": len(days),
            }
            for table, days in self.days.items()
            if days
        }


def pin_inputs(
    lake: Lake,
    tables: Sequence[SourceTable],
    connection: duckdb.DuckDBPyConnection,
    copies: LocalCopies,
    published: Publication,
) -> BuildInputs:
    """Fix the list of raw objects. The state is read only of objects that the previous publication did not read.

    Args:
        lake: Lake with the raw objects.
        tables: Every declared table.
        connection: Session that can read the lake.
        copies: Local copies of the warehouse's objects.
        published: The previous publication.

    Raises:
        WarehouseError: naming the tables that have no day in the lake.
    """
    previous_days = _read_previous_days(tables, connection, copies, published)
    days = {table: lake.days(table, connection, previous_days.get(table, {})) for table in tables}
    if missing_tables := [table.address for table, captured_days in days.items() if not captured_days]:
        raise WarehouseError(
            f"The lake has no day of {', '.join(missing_tables)} yet:", "capture one with `refera run`."
        )
    return BuildInputs(days=days, previous_days=previous_days)


def require_unchanged_inputs(lake: Lake, inputs: BuildInputs) -> None:
    """Refuse to publish a build during which a raw object was replaced.

    Raises:
        WarehouseError: naming the table.
    """
    for table, days in inputs.days.items():
        if lake.stored_days(table) != {day: item.stored for day, item in days.items()}:
            raise WarehouseError(
                f"Raw objects of {table.address} changed during the build, so nothing was published:",
                "run the build again.",
                is_transient=True,
            )


def register_inputs(connection: duckdb.DuckDBPyConnection, inputs: BuildInputs, *, only_new: bool) -> None:
    """Create the relations that the dbt project declares as sources, and the folding macros of their texts.

    Args:
        connection: Session on the build's database.
        inputs: What the build reads.
        only_new: Whether it reads only what the previous publication had not read.
    """
    run_sql(connection, "create schema if not exists refera")
    run_sql(connection, f"create or replace table refera.captured_days ({CAPTURED_DAYS_COLUMNS})")
    for table, days in inputs.days.items():
        schema, name = quoted(table.database), quoted(table.name)
        new = inputs.new_days(table) if only_new else days
        previous_counts = {day: inputs.previous_row_count(table, day) if only_new else 0 for day in days}
        observed = [item for item in days.values() if item.state.is_observed]
        objects = inputs.objects_to_read(table, only_new=only_new)
        run_sql(connection, f"create schema if not exists {schema}")
        define_folding_macros(connection, table, observed[-1].state)
        # today's columns only: a model that reads a dropped column must fail, not read NULL
        current_columns = observed[-1].state.columns
        unread_objects = [item for item in objects if not previous_counts[item.day]]
        stored_columns = newest_column_types(item.state.columns for item in unread_objects)
        columns = ", ".join(
            [*(quoted(name) for name in current_columns if is_among(name, stored_columns)), *CONTRACT_COLUMNS, "day"]
        )
        parts = [f"select *, cast(null as date) as day from ({empty_rows(observed[-1].state)})"]
        if unread_objects:
            parts.append(f"select {columns} from {object_rows(unread_objects, current_columns, with_day=True)}")
        for item in objects:
            if previous_count := previous_counts[item.day]:  # objects only grow at their end: skip rows already read
                rows = object_rows([item], current_columns, with_day=True, with_number=True)
                own_columns = [name for name in current_columns if is_among(name, item.state.columns)]
                selected_columns = ", ".join([*map(quoted, own_columns), *CONTRACT_COLUMNS, "day"])
                parts.append(f"select {selected_columns} from {rows} where file_row_number >= {previous_count}")
        run_sql(
            connection,
            f"create or replace view {schema}.{name} as {' union all by name '.join(parts)}",
        )
        values = ", ".join(
            _day_row(table, item, is_new=day in new, is_continued=bool(previous_counts[day]))
            for day, item in days.items()
        )
        run_sql(connection, f"insert into refera.captured_days values {values}")
    register_source_groups(connection, inputs)


def register_source_groups(connection: duckdb.DuckDBPyConnection, inputs: BuildInputs) -> None:
    """Create the relation of the source's own group totals, as of each table's newest day.

    A grouping by a column of another table is left out when the two tables were not read at the same instant.
    """
    run_sql(connection, f"create or replace table refera.source_groups ({SOURCE_GROUPS_COLUMNS})")
    newest = {table.address: _newest_observed_object(days) for table, days in inputs.days.items()}
    rows = []
    for table in inputs.days:
        item = newest[table.address]
        for grouping in table.groupings:
            other = newest.get(f"{table.database}.{grouping.of or table.name}")
            if item and other and item.state.source_read_at == other.state.source_read_at:
                groups = item.state.source_groups.get(grouping.name, ())
                is_complete = len(groups) <= MAX_GROUPS
                group_key = (table.database, table.name, item.day, grouping.name)
                rows += [(*group_key, *group, is_complete) for group in groups[:MAX_GROUPS]]
    if rows:
        columns = [list(values) for values in zip(*rows, strict=True)]
        unnested = ", ".join("unnest(?)" for _ in columns)
        connection.execute(f"insert into refera.source_groups select {unnested}", columns)


def _newest_observed_object(days: RawObjectsByDay) -> RawObject | None:
    """The newest object whose day was read from the source."""
    observed = [item for item in days.values() if item.state.is_observed]
    return max(observed, key=lambda item: item.day, default=None)


def save_inputs(connection: duckdb.DuckDBPyConnection, inputs: BuildInputs, path: str) -> None:
    """Write the list of raw objects to a local Parquet file; the same list gives the same bytes."""
    run_sql(
        connection,
        "create or replace temp table inputs (address varchar, day date, key varchar, size bigint, etag varchar,"
        " modified timestamptz, state varchar)",
    )
    objects = [(table.address, item) for table, days in inputs.days.items() for item in days.values()]
    newest = {id(_newest_observed_object(days)) for days in inputs.days.values()}
    rows = [
        (address, item.day, stored.key, stored.size_bytes, stored.etag, stored.modified_at, state.to_json())
        for address, item in objects
        for stored in (item.stored,)
        # group totals are read of the newest day only: leave those of past days out, the list has every day
        for state in (item.state if id(item) in newest else replace(item.state, source_groups={}),)
    ]
    columns = [list(values) for values in zip(*rows, strict=True)]
    connection.execute(f"insert into inputs select {', '.join('unnest(?)' for _ in columns)}", columns)
    run_sql(
        connection,
        f"copy (from inputs order by address, day) to {literal(path)} (format parquet, compression zstd)",
    )


def _read_previous_days(
    tables: Sequence[SourceTable], connection: duckdb.DuckDBPyConnection, copies: LocalCopies, published: Publication
) -> Mapping[SourceTable, RawObjectsByDay]:
    """The raw objects that the last complete publication read."""
    if not published.inputs:
        return {}
    table_by_address = {table.address: table for table in tables}
    days: dict[SourceTable, dict[date, RawObject]] = {}
    key = inputs_key(published.inputs)
    path = copies.paths({key: ""}, {key: published.inputs})[key]
    rows = run_sql(connection, f"from read_parquet({literal(path)}, hive_partitioning = false)").fetchall()
    for address, day, key, size, etag, modified, state in rows:
        if address in table_by_address:
            stored = StoredObject(key=key, url="", size_bytes=size, etag=etag, modified_at=modified)
            days.setdefault(table_by_address[address], {})[day] = RawObject(
                day=day, stored=stored, state=RawState.from_json(state, key)
            )
    return days


def _day_row(table: SourceTable, item: RawObject, *, is_new: bool, is_continued: bool) -> str:
    """SQL values of one raw object's row in ``refera.captured_days``."""
    state = item.state
    captured_at = datetime.fromisoformat(state.source_read_at).isoformat()
    counts = [
        "null" if number is None else str(number)
        for number in (state.table_rows, state.source_rows, state.source_money)
    ]
    return (
        f"({literal(table.database)}, {literal(table.name)}, date {literal(str(item.day))},"
        f" {state.is_observed}, timestamptz {literal(captured_at)}, {state.row_count}, {is_new}, {is_continued},"
        f" {', '.join(counts)})"
    )
