"""Examination of the declared tables: whether each can be read as declared.

Source + SourceTables ──▶ examine_tables() ──▶ one finding for each table, and warnings
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from refera_platform.errors import ReferaError
from refera_platform.source.connection import Source
from refera_platform.source.copied_columns import is_copied, uncopied_generated_columns
from refera_platform.source.cursor import cursor_column, read_cursor_reach
from refera_platform.source.doctor.finding import Finding, error_finding, ok_finding, warning_finding
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.indexes import Index, read_indexes
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.types import backticked, mysql_literal


def examine_tables(source: Source, tables: Sequence[SourceTable], hash_key: bytes) -> Iterator[Finding]:
    """Examine each table; reads no rows except the highest value of a cursor."""
    indexes_by_table = read_indexes(source.ask, source.database.name)
    for table in tables:
        try:
            yield from _examine_table(source, table, indexes_by_table.get(table.name, []), hash_key)
        except ReferaError as error:
            yield error_finding(table.address, error)


def _examine_table(
    source: Source, table: SourceTable, table_indexes: Sequence[Index], hash_key: bytes
) -> Iterator[Finding]:
    columns = source.columns(table)
    kinds = [column.parquet_type for column in columns]  # raises for a type that Parquet cannot hold faithfully
    source.ask(
        f"select {', '.join(backticked(column.name) for column in columns)} from {backticked(table.name)} limit 0"
    )
    require_hash_key(table, hash_key)
    yield ok_finding(table.address, f"{len(kinds)} columns can be read, by strategy {table.strategy.value}.")
    yield from _examine_generated(source, table)
    if not any(index.is_unique and set(index.columns) == set(table.key) for index in table_indexes):
        better = next((index for index in table_indexes if index.is_unique), None)
        yield warning_finding(
            f"{table.address}: key",
            f"The server does not promise that {', '.join(table.key)} recognises a single row.",
            f"declare key=({', '.join(repr(name) for name in better.columns)},), which it does promise."
            if better
            else "give the table a primary key; two rows with one key will stop its capture.",
        )
    if table.strategy is Strategy.CURSOR:
        yield from _examine_cursor(source, table, table_indexes)


def _examine_generated(source: Source, table: SourceTable) -> Iterator[Finding]:
    """Findings about generated columns, which a table with strategy ``log`` does not copy."""
    declared = source.catalogue_columns(table)
    if left_behind := uncopied_generated_columns(declared, table):
        yield ok_finding(
            f"{table.address}: generated columns",
            f"{', '.join(left_behind)} are not copied, because servers leave generated columns out of their binlog:"
            " compute them"
            " in staging, or choose strategy compare.",
        )
    copied_names = [column.name for column in declared if column.is_generated and is_copied(column, table)]
    if copied_names and table.strategy is Strategy.LOG:
        yield warning_finding(
            f"{table.address}: generated key",
            f"{', '.join(copied_names)} of its key is generated, and MariaDB 11.8 leaves it out of the binlog of"
            " changed rows.",
            "declare a key of stored columns, or choose strategy compare.",
        )


def _examine_cursor(source: Source, table: SourceTable, table_indexes: Sequence[Index]) -> Iterator[Finding]:
    observed = read_cursor_reach(source, table, cursor_column(table, source.columns(table)), "", datetime.now(UTC))
    about = f"{table.address}: cursor"
    if any(index.columns[0] == table.cursor for index in table_indexes):
        yield ok_finding(
            about, f"Every row has its {table.cursor}, which an index serves; it is at {observed.position}."
        )
    else:
        yield warning_finding(
            about,
            f"No index begins with {table.cursor}, so each run reads the whole table at the server.",
            f"create index on {backticked(table.name)} ({backticked(table.cursor)}).",
        )


def largest_table(source: Source, tables: Sequence[SourceTable]) -> tuple[str, int]:
    """Address and bytes of the largest of ``tables``, by the server's estimate."""
    rows = source.ask(
        "select table_name, coalesce(data_length, 0) from information_schema.tables"
        f" where table_schema = {mysql_literal(source.database.name)}"
    )
    sizes = {str(name): int(size) for name, size in rows}
    sized_tables = [(table.address, sizes.get(table.name, 0)) for table in tables]
    return max(sized_tables, key=lambda pair: pair[1])
