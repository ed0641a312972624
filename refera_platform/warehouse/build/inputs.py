"""What a build reads: a fixed list of raw objects, so that the warehouse shows one moment of the lake.

Lake ──pin()──▶ Inputs ──register()──▶ views classicmodels.* and refera.* in the build's database
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import CONTRACT, Lake, RawObject, object_rows, run
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.lake.objects import StoredObject
from refera_platform.lake.schema_evolution import newest_shape
from refera_platform.lake.writer import nothing
from refera_platform.source.catalog import TABLES
from refera_platform.source.column_names import is_among
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.totals import MAX_GROUPS
from refera_platform.warehouse.build.collations import define
from refera_platform.warehouse.publish.publication import Published, inputs_key

Days = Mapping[date, RawObject]
CAPTURED_DAYS = (
    "database_name varchar, table_name varchar, day date, is_observed boolean, captured_at timestamptz,"
    " row_count bigint, is_new boolean, is_continued boolean, lake_rows bigint, source_rows bigint,"
    " source_money decimal(38, 6)"
)
SOURCE_GROUPS = (
    "database_name varchar, table_name varchar, day date, group_kind varchar, group_value varchar, row_count bigint,"
    " money decimal(38, 6), is_whole boolean"
)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The raw objects of every declared table, as they were when a build began."""

    days: Mapping[SourceTable, Days]
    known: Mapping[SourceTable, Days]
    """Those that the publication before had read, as they were then."""

    def new(self, table: SourceTable) -> dict[date, RawObject]:
        """The days of a table that no publication has read as they are now."""
        known = self.known.get(table, {})
        return {
            day: item
            for day, item in self.days[table].items()
            if day not in known or known[day].stored.etag != item.stored.etag
        }

    def rows_read(self, table: SourceTable, day: date) -> int:
        """Rows of a day's object that the publication before had read; what came since lies behind them."""
        was = self.known.get(table, {}).get(day)
        return was.state.row_count if was else 0

    def rows_new(self, table: SourceTable) -> int:
        """Rows that no publication has read."""
        return sum(item.state.row_count - self.rows_read(table, day) for day, item in self.new(table).items())

    def read(self, table: SourceTable, *, only_new: bool) -> list[RawObject]:
        """The objects of a table whose rows a build reads; an empty one has nothing but its columns to tell.

        Args:
            table: Which table.
            only_new: Whether the build reads only what the publication before had not read.
        """
        days = self.new(table) if only_new else self.days[table]
        observed = [item for item in days.values() if item.state.is_observed]
        if table.strategy is Strategy.SNAPSHOT:
            return observed[-1:]  # each day is a copy of the table: only the newest is its state
        return [item for item in observed if item.state.row_count or item is observed[-1]]

    def received(self, copies: LocalCopies, *, only_new: bool) -> "Inputs":
        """The same with the addresses of local copies of what a build reads, whose bytes were compared.

        Args:
            copies: Copies of the lake's objects.
            only_new: Whether the build reads only what the publication before had not read.
        """
        needed = {table: self.read(table, only_new=only_new) for table in self.days}
        copies.paths({item.stored.key: item.stored.etag for items in needed.values() for item in items})
        days = {table: copies.of_days(self.days[table], items) for table, items in needed.items()}
        return Inputs(days=days, known=self.known)

    def described(self) -> dict[str, dict[str, object]]:
        """For the published manifest: what each table's data is worth, and how many objects it is in."""
        return {
            table.address: {
                "day": str(max(days)),
                "end_position": list(days.values())[-1].state.end_position,
                "server": list(days.values())[-1].state.server,
                "captured_at": list(days.values())[-1].state.captured_at,
                "objects": len(days),
            }
            for table, days in self.days.items()
            if days
        }


def pin(lake: Lake, connection: duckdb.DuckDBPyConnection, copies: LocalCopies, published: Published) -> Inputs:
    """Fix the list of raw objects; only those that no publication knows are asked what they are.

    Args:
        lake: Where they are.
        connection: Session that can read the lake.
        copies: Local copies of the warehouse's objects.
        published: What was published last.

    Raises:
        WarehouseError: naming the tables that were never captured.
    """
    known = _known(connection, copies, published)
    days = {table: lake.days(table, connection, known.get(table, {})) for table in TABLES}
    if empty := [table.address for table, captured in days.items() if not captured]:
        raise WarehouseError(f"The lake has no day of {', '.join(empty)} yet:", "capture one with `refera run`.")
    return Inputs(days=days, known=known)


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


def register(connection: duckdb.DuckDBPyConnection, inputs: Inputs, *, only_new: bool) -> None:
    """Create the relations that the dbt project declares as its sources, and the functions that compare their texts.

    Args:
        connection: Session on the build's database.
        inputs: What the build reads.
        only_new: Whether it reads only what the publication before had not read.
    """
    run(connection, "create schema if not exists refera")
    run(connection, f"create or replace table refera.captured_days ({CAPTURED_DAYS})")
    for table, days in inputs.days.items():
        schema, name = quoted(table.database), quoted(table.name)
        new = inputs.new(table) if only_new else days
        read = {day: inputs.rows_read(table, day) if only_new else 0 for day in days}
        observed = [item for item in days.values() if item.state.is_observed]
        objects = inputs.read(table, only_new=only_new)
        run(connection, f"create schema if not exists {schema}")
        define(connection, table, observed[-1].state)
        # the columns of today: a model that reads one which the source has no more must fail, not read NULL
        present = observed[-1].state.columns
        whole = [item for item in objects if not read[item.day]]
        seen = newest_shape(item.state.columns for item in whole)
        columns = ", ".join([*(quoted(name) for name in present if is_among(name, seen)), *CONTRACT, "day"])
        parts = [f"select *, cast(null as date) as day from ({nothing(observed[-1].state)})"]
        if whole:
            parts.append(f"select {columns} from {object_rows(whole, present, with_day=True)}")
        for item in objects:
            if before := read[item.day]:  # an object grows at its end, and its first rows are known
                rows = object_rows([item], present, with_day=True, with_number=True)
                own = [name for name in present if is_among(name, item.state.columns)]
                told = ", ".join([*map(quoted, own), *CONTRACT, "day"])
                parts.append(f"select {told} from {rows} where file_row_number >= {before}")
        run(
            connection,
            f"create or replace view {schema}.{name} as {' union all by name '.join(parts)}",
        )
        values = ", ".join(
            _captured(table, item, is_new=day in new, is_continued=bool(read[day])) for day, item in days.items()
        )
        run(connection, f"insert into refera.captured_days values {values}")
    register_groups(connection, inputs)


def register_groups(connection: duckdb.DuckDBPyConnection, inputs: Inputs) -> None:
    """Create the relation of what the source itself had in groups, at the moment of each table's newest day.

    A grouping by a column of another table is left out when the two were not read at one moment.
    """
    run(connection, f"create or replace table refera.source_groups ({SOURCE_GROUPS})")
    newest = {table.address: _newest(days) for table, days in inputs.days.items()}
    rows = []
    for table in inputs.days:
        item = newest[table.address]
        for each in table.groupings:
            other = newest.get(f"{table.database}.{each.of or table.name}")
            if item and other and item.state.captured_at == other.state.captured_at:
                groups = item.state.source_groups.get(each.name, ())
                is_all = len(groups) <= MAX_GROUPS
                place = (table.database, table.name, item.day, each.name)
                rows += [(*place, *group, is_all) for group in groups[:MAX_GROUPS]]
    if rows:
        columns = [list(values) for values in zip(*rows, strict=True)]
        marks = ", ".join("unnest(?)" for _ in columns)
        connection.execute(f"insert into refera.source_groups select {marks}", columns)


def _newest(days: Days) -> RawObject | None:
    """The newest day that was looked at."""
    observed = [item for item in days.values() if item.state.is_observed]
    return max(observed, key=lambda item: item.day, default=None)


def save(connection: duckdb.DuckDBPyConnection, inputs: Inputs, path: str) -> None:
    """Write the list of raw objects to a local Parquet file; the same list gives the same bytes."""
    run(
        connection,
        "create or replace temp table inputs (address varchar, day date, key varchar, size bigint, etag varchar,"
        " modified timestamptz, state varchar)",
    )
    objects = [(table.address, item) for table, days in inputs.days.items() for item in days.values()]
    newest = {id(_newest(days)) for days in inputs.days.values()}
    rows = [
        (address, item.day, stored.key, stored.size, stored.etag, stored.modified, state.to_json())
        for address, item in objects
        for stored in (item.stored,)
        # of days gone by nobody asks what they had been in groups, and the list has all days that were ever captured
        for state in (item.state if id(item) in newest else replace(item.state, source_groups={}),)
    ]
    columns = [list(values) for values in zip(*rows, strict=True)]
    connection.execute(f"insert into inputs select {', '.join('unnest(?)' for _ in columns)}", columns)
    run(
        connection,
        f"copy (from inputs order by address, day) to {literal(path)} (format parquet, compression zstd)",
    )


def _known(
    connection: duckdb.DuckDBPyConnection, copies: LocalCopies, published: Published
) -> Mapping[SourceTable, Days]:
    """The raw objects that the last complete publication had read."""
    if not published.inputs:
        return {}
    tables = {table.address: table for table in TABLES}
    found: dict[SourceTable, dict[date, RawObject]] = {}
    key = inputs_key(published.inputs)
    path = copies.paths({key: ""}, {key: published.inputs})[key]
    rows = run(connection, f"from read_parquet({literal(path)}, hive_partitioning = false)").fetchall()
    for address, day, key, size, etag, modified, state in rows:
        if address in tables:
            stored = StoredObject(key=key, url="", size=size, etag=etag, modified=modified)
            found.setdefault(tables[address], {})[day] = RawObject(
                day=day, stored=stored, state=RawState.from_json(state, key)
            )
    return found


def _captured(table: SourceTable, item: RawObject, *, is_new: bool, is_continued: bool) -> str:
    """The row of refera.captured_days about one raw object."""
    state = item.state
    at = datetime.fromisoformat(state.captured_at).isoformat()
    counted = [
        "null" if number is None else str(number)
        for number in (state.table_rows, state.source_rows, state.source_money)
    ]
    return (
        f"({literal(table.database)}, {literal(table.name)}, date {literal(str(item.day))},"
        f" {state.is_observed}, timestamptz {literal(at)}, {state.row_count}, {is_new}, {is_continued},"
        f" {', '.join(counted)})"
    )
