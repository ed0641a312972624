"""Hashed rows of the lake: key, token and one number for each column, in a local file, and their sums.

SQL of rows ──▶ HashedRows.write() ──▶ sums(), buckets(), chunks(), and SQL of a part
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.lake.lake import run_sql
from refera_platform.source.checksum import BUCKET_COLUMN, BUCKET_DIGITS, TOKEN_COLUMN, Checksums

OP_COLUMN = quoted("op ")
MAX_PART_ROWS = 400_000
"""Raw rows in one query for the newest ones: the texts that DuckDB holds for it are outside its memory limit."""
Sums = tuple[int, ...]
"""Row count, then the checksum of each column."""


@dataclass(frozen=True, kw_only=True)
class HashedRows:
    """Rows of the lake, each with its numbers; deleted rows are included and add 0."""

    connection: duckdb.DuckDBPyConnection
    checksums: Checksums
    rows: Callable[[str], str]
    """Gives SQL of the rows that fulfil a condition."""
    version_count: int
    """About how many raw rows must be searched for them."""
    path: Path
    """Local file."""

    def write(self) -> "HashedRows":
        """Write the local file, in the order of the key."""
        key = [quoted(each.name) for each in self.checksums.key]
        order = f" order by {', '.join(key)}" if key else ""
        bucket = f"left(sha1({quoted(TOKEN_COLUMN)}), {BUCKET_DIGITS}) as {quoted(BUCKET_COLUMN)}"
        selected = ", ".join([*key, quoted(TOKEN_COLUMN), self._numbers, bucket])
        files = []
        for number, rows in enumerate(self._parts):
            files.append(str(self.path.with_suffix(f".{number}")))
            self._copy_to_file(f"select {selected} from {self._tokens(rows)}", files[-1])
        self._copy_to_file(f"select * from read_parquet([{', '.join(map(literal, files))}]){order}", str(self.path))
        return self

    def _copy_to_file(self, select: str, path: str) -> None:
        run_sql(self.connection, f"copy ({select}) to {literal(path)} (format parquet, compression lz4)")

    @property
    def _parts(self) -> list[str]:
        parts, key = self.version_count // MAX_PART_ROWS + 1, ", ".join(map(quoted, self.checksums.table.key))
        conditions = [f"hash({key}) % {parts} = {number}" for number in range(parts)] if parts > 1 else ["true"]
        return [self.rows(condition) for condition in conditions]

    def _tokens(self, rows: str) -> str:
        return f"(select *, {self.checksums.lake_token} as {quoted(TOKEN_COLUMN)} from {rows})"

    @property
    def _numbers(self) -> str:
        pairs = zip(self.checksums.lake_numbers, self.checksums.names, strict=True)
        numbers = (f"case when _op <> 'd' then {number} else 0 end as {quoted(name)}" for number, name in pairs)
        return ", ".join([f"_op as {OP_COLUMN}", *numbers])

    def count(self) -> int:
        """Row count, with deleted rows."""
        return int(self._ask(f"select count(*) from {self._file}")[0][0])

    def sums(self) -> Sums:
        """Sums of all rows; needs no ``write`` before."""
        of_parts = [
            self._ask(f"select {self._sums} from (select {self._numbers} from {self._tokens(rows)})")[0]
            for rows in self._parts
        ]
        return tuple(sum(map(int, column)) for column in zip(*of_parts, strict=True))

    def buckets(self) -> dict[str, Sums]:
        """Sums of the rows of each bucket."""
        bucket_sums = self._ask(f"select {quoted(BUCKET_COLUMN)}, {self._sums} from {self._file} group by 1")
        return {str(name): _as_integers(sums) for name, *sums in bucket_sums}

    def chunks(self, size: int) -> Iterator[tuple[list[tuple[Any, ...]], Sums, str]]:
        """Yield up to ``size`` keys at a time in their order, with the sums of their rows and SQL of these."""
        chunk = f"file_row_number // {size}"
        sums = self._ask(f"select {chunk}, {self._sums} from {self._file} group by 1 order by 1")
        key = ", ".join(quoted(each.name) for each in self.checksums.key)
        with self.connection.cursor() as cursor:
            keys = run_sql(cursor, f"select {key} from {self._file} order by file_row_number")
            for number, *totals in sums:
                yield keys.fetchmany(size), _as_integers(totals), self._part(f"{chunk} = {number}")

    def bucket_rows(self, names: Sequence[str]) -> str:
        """SQL of the rows of some buckets."""
        return self._part(f"{quoted(BUCKET_COLUMN)} in ({', '.join(map(literal, names))})")

    def row_values(self, token: str) -> tuple[Any, ...]:
        """The compared values of the row with a token."""
        columns = ", ".join(quoted(each.name) for each in self.checksums.columns)
        where = f"_op <> 'd' and {self.checksums.lake_token} = {literal(token)}"
        matches = (self._ask(f"select {columns} from {rows} where {where} limit 1") for rows in self._parts)
        return next(rows[0] for rows in matches if rows)

    @property
    def _file(self) -> str:
        return f"read_parquet({literal(str(self.path))}, file_row_number = true)"

    @property
    def _sums(self) -> str:
        # a filter on each sum makes DuckDB copy all columns for each of them: 450 MB for 400 columns
        sums = (f"coalesce(sum({quoted(name)}), 0)" for name in self.checksums.names)
        return ", ".join([f"count(*) filter (where {OP_COLUMN} <> 'd')", *sums])

    def _part(self, where: str) -> str:
        return f"(select * from {self._file} where {where} and {OP_COLUMN} <> 'd')"

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        return run_sql(self.connection, sql).fetchall()


def _as_integers(sums: Sequence[Any]) -> Sums:
    return tuple(int(each) for each in sums)
