"""Reconciliation of values: row count and a checksum of each column, source against lake, both at one position.

Compares the whole table when it is small, else the rows that changed on the run's days. Changes of the source after
the newest day are applied first, so that both sides are at one position. A difference is narrowed to its first row:

    checksums ──differ──▶ buckets of keys, or chunk of keys ──▶ hashes of each row there ──▶ key, column, both values
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import ReferaError
from refera_platform.lake.lake import RawObject, latest_rows, object_rows, state_objects
from refera_platform.lake.schema_evolution import respell_columns
from refera_platform.reconcile.first_difference import Difference, first_difference
from refera_platform.reconcile.hashed_rows import HashedRows
from refera_platform.reconcile.result import WHOLE_TABLE_SCOPE, ReconcileResult
from refera_platform.source.checksum import Checksums
from refera_platform.source.connection import Source
from refera_platform.source.fault_isolation import isolated
from refera_platform.source.indexes import read_indexes
from refera_platform.source.table import SourceTable

MAX_WHOLE_TABLE_ROWS = 50_000
"""Rows up to which a whole table is compared."""
MAX_WHOLE_SNAPSHOT_ROWS = 300_000
"""The same for a run that takes a new snapshot."""
WHOLE_TABLE_ROWS_PER_CHANGED_ROW = 4
"""A larger table is compared whole when a quarter of it changed: a lookup costs as much as reading a few rows."""
LOOKUP_CHUNK_KEYS = 500
"""Keys that are looked up in one statement."""
MAX_SEARCHED_ROWS = 100_000
"""About how many rows are compared one by one to find the first that differs."""


@dataclass(frozen=True, kw_only=True)
class ReconcileInput:
    """What an ingest run knows of the lake's side of the comparison."""

    days: Mapping[date, RawObject]
    """The table's days as they are now."""
    written_days: Collection[date]
    """Days that the run wrote, or that needed no write."""
    source_rows: int
    """Rows of the table at the source."""
    files_after_newest_day: Sequence[Path] = ()
    """Local files of the changes between the newest day and the run's snapshot."""
    is_full_snapshot: bool = False
    """Whether the run read the whole table as a new snapshot."""
    run_position_prefix: str = ""
    """First parts of the ``_position`` of the run's rows, when only these can be compared; else empty."""


def reconcile_table(
    source: Source, table: SourceTable, reconcile_input: ReconcileInput, folder: Path
) -> ReconcileResult:
    """Compare a table; an error is returned in the result and not raised, since the day is committed already.

    Args:
        source: A session inside the snapshot of the run.
        table: Table to compare.
        reconcile_input: The lake's side.
        folder: Local folder of the run.
    """
    started = time.monotonic()
    try:
        with isolated(table):
            result = _Comparison(source, table, reconcile_input, folder).compare()
    except ReferaError as error:
        result = ReconcileResult(scope="nothing", error=str(error))
    return replace(result, seconds=time.monotonic() - started)


class _Comparison:
    """The comparison of one table."""

    def __init__(self, source: Source, table: SourceTable, reconcile_input: ReconcileInput, folder: Path) -> None:
        source_columns = source.columns(table)
        self._objects = state_objects(reconcile_input.days)
        kinds = respell_columns(self._objects[-1].state.columns, [each.name for each in source_columns])
        compared = tuple(each for each in source_columns if not each.is_hashed and each.name in kinds)
        self._left_out = tuple(sorted({each.name for each in source_columns if each not in compared} | table.private))
        self._checksums = Checksums(table=table, columns=compared, kinds=kinds)
        self._source, self._table, self._input, self._folder = source, table, reconcile_input, folder

    @property
    def _written_objects(self) -> list[RawObject]:
        """The objects of the run's days that hold changes, and not only rows of a snapshot."""
        days = self._input.days
        return [days[day] for day in sorted(self._input.written_days) if _changed_row_count(days[day])]

    def compare(self) -> ReconcileResult:
        """Compare the whole table or the changed rows, or say why neither is possible."""
        changes = sum(_changed_row_count(item) for item in self._written_objects)
        limit = max(
            MAX_WHOLE_SNAPSHOT_ROWS if self._input.is_full_snapshot else MAX_WHOLE_TABLE_ROWS,
            WHOLE_TABLE_ROWS_PER_CHANGED_ROW * changes,
        )
        if self._input.source_rows <= limit and not self._input.run_position_prefix:
            return self._compare_whole_table()
        changed = self._changed_rows() if self._written_objects or self._input.files_after_newest_day else None
        count = changed.count() if changed else 0
        if not changed or not count:
            reason = "No row changed, and the table is too large to be compared whole each day: `refera verify` does."
            return self._result("nothing", why_not="Nothing changed." if self._input.run_position_prefix else reason)
        scope = f"the {count} rows that changed"
        if not self._can_look_up():
            reason = "No index of the source serves its key, and the table is too large to be compared whole each day:"
            return self._result(scope, why_not=f"{reason} `refera verify` does.")
        return self._compare_by_key(changed, scope)

    def _result(
        self, scope: str, *, rows: int = 0, first: Difference | None = None, why_not: str = ""
    ) -> ReconcileResult:
        names = () if why_not else tuple(each.name for each in self._checksums.columns)
        return ReconcileResult(
            scope=scope,
            rows=rows,
            columns=names,
            left_out=self._left_out,
            why_not=why_not,
            first=first.with_values_text if first else "",
            first_place=first.without_values_text if first else "",
            first_columns=first.column_names_text if first else "",
        )

    def _compare_whole_table(self) -> ReconcileResult:
        rows, versions = self._rows_sql(self._objects), sum(item.state.row_count for item in self._objects)
        hashed_rows = self._hash_rows(
            lambda where: latest_rows(f"(select * from {rows} where {where})", self._table.key), versions, "whole"
        )
        scope = WHOLE_TABLE_SCOPE
        source_sums = tuple(map(int, self._source.ask(self._checksums.server_sums("true"))[0]))
        if source_sums == hashed_rows.sums():
            return self._result(scope, rows=source_sums[0])
        hashed_rows.write()
        answers = self._source.ask(self._checksums.server_buckets())
        source_buckets = {str(name): tuple(map(int, sums)) for name, *sums in answers}
        lake_buckets = hashed_rows.buckets()
        differing = sorted(
            name for name in {*source_buckets, *lake_buckets} if source_buckets.get(name) != lake_buckets.get(name)
        )  # a missing bucket has no rows
        size = max(source_sums[0], hashed_rows.count()) // max(len(lake_buckets), len(source_buckets), 1) + 1
        differing = differing[: max(1, MAX_SEARCHED_ROWS // size)]
        where = f"{self._checksums.server_bucket} in ({', '.join(map(literal, differing))})"
        first = first_difference(self._source, hashed_rows, hashed_rows.bucket_rows(differing), where, self._folder)
        return self._result(scope, rows=source_sums[0], first=first)

    def _compare_by_key(self, changed: HashedRows, scope: str) -> ReconcileResult:
        rows = 0
        for keys, sums, part in changed.chunks(LOOKUP_CHUNK_KEYS):
            where = self._checksums.keys_condition(keys)
            source_sums = tuple(map(int, self._source.ask(self._checksums.server_sums(where))[0]))
            rows += source_sums[0]
            if source_sums != sums:
                first = first_difference(self._source, changed, part, where, self._folder)
                return self._result(scope, rows=rows, first=first)
        return self._result(scope, rows=rows)

    def _changed_rows(self) -> HashedRows:
        """The last version of each row that changed on the run's days, deleted rows too."""
        rows, key = self._rows_sql(self._written_objects), ", ".join(quoted(name) for name in self._table.key)
        newest_read = f"select coalesce(max(_position), '') from {rows} where _op = 'r'"  # skips older changes
        is_own = f"starts_with(_position, {literal(self._input.run_position_prefix)})"

        def changed_sql(where: str) -> str:
            some = f"(select * from {rows} where _op <> 'r' and {is_own} and _position > ({newest_read}) and {where})"
            return f"(select * from {some} where _position in (select max(_position) from {some} group by {key}))"

        return self._hash_rows(changed_sql, sum(map(_changed_row_count, self._written_objects)), "changed").write()

    def _rows_sql(self, objects: Sequence[RawObject]) -> str:
        return object_rows(objects, self._checksums.kinds, files=self._input.files_after_newest_day)

    def _hash_rows(self, rows: Callable[[str], str], versions: int, name: str) -> HashedRows:
        return HashedRows(
            connection=self._source.connection,
            checksums=self._checksums,
            rows=rows,
            version_count=versions,
            path=self._folder / f"hashes-of-{name}.parquet",
        )

    def _can_look_up(self) -> bool:
        table_indexes = read_indexes(self._source.ask, self._source.database.name).get(self._table.name, [])
        key_names = {name.lower() for name in self._table.key}
        is_indexed = any(
            {name.lower() for name in each.columns[: len(key_names)]} == key_names for each in table_indexes
        )
        return self._checksums.can_look_up and is_indexed


def _changed_row_count(item: RawObject) -> int:
    """Rows of an object that are changes, and not rows of a snapshot."""
    return sum(count for op, count in item.state.rows.items() if op != "r")
