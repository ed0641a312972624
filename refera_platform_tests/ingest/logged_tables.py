"""What tests of the log ask of lake and source."""

from collections.abc import Sequence

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.lake.lake import Lake, current_state, raw_rows
from refera_platform.source.connection import open_source
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.table import SourceTable
from refera_platform_tests.checkout import declared_tables, find_table


def differences_of(stage, tables: Sequence[SourceTable] | None = None):
    """Rows that are only in the source (``source``) or only in the lake's current state (``lake``), by table."""
    lake, found = Lake(stage), {}
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        for table in tables or declared_tables():
            there = current_state(table, lake.days(table, source.connection))
            read = read_source_table(source, table, folder / "now.parquet", stage.clock)
            names = ", ".join(f'"{column.name.replace(chr(34), chr(34) * 2)}"' for column in read.columns)
            now = f"(select {names} from read_parquet('{read.path}'))"
            was = f"(select {names} from {there})"
            for side, sql in (("source", f"{now} except all {was}"), ("lake", f"{was} except all {now}")):
                for row in source.connection.execute(sql).fetchall():
                    found.setdefault(table.name, []).append((side, row))
    return found


def raw_of(stage, table: SourceTable | str, columns: str, day=None):
    """Raw rows of a table in the order of their position, of all days or of one."""
    table = find_table(table) if isinstance(table, str) else table
    lake = Lake(stage)
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        urls = [item.url for found, item in lake.stored_days(table).items() if day in (None, found)]
        return source.connection.execute(f"select {columns} from {raw_rows(urls)} order by _position").fetchall()


def states_of(stage, table: SourceTable | str):
    """What each day's object says of itself."""
    table = find_table(table) if isinstance(table, str) else table
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        return {day: item.state for day, item in Lake(stage).days(table, source.connection).items()}
