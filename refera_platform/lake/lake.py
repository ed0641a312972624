"""Lake: the raw objects of a stage, their states, and SQL of the current rows that they add up to.

Lake ──▶ days(table) ──▶ RawObject ──▶ current_state(): SQL of the current rows

Writes nothing: ``writer`` does. Requests to S3 are in ``objects``, keys in ``layout``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.duckdb_session.secrets import redact
from refera_platform.errors import LakeError, error_kind
from refera_platform.lake import layout
from refera_platform.lake.object_state import FOOTER_KEY, RawState
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.lake.schema_evolution import newest_column_types, selection_as
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable, Strategy

CONTRACT_COLUMNS = {"_op": "VARCHAR", "_changed_at": "TIMESTAMP WITH TIME ZONE", "_position": "VARCHAR"}
"""Columns that every strategy adds to the source's own, and their types."""


@dataclass(frozen=True, kw_only=True)
class RawObject:
    """The object of one day of one table, with its state."""

    day: date
    stored: StoredObject
    state: RawState


NO_OBJECTS: Mapping[date, RawObject] = {}


class Lake:
    """The raw objects of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.objects = ObjectRoot(stage.lake, stage.store)

    def stored_days(self, table: SourceTable) -> dict[date, StoredObject]:
        """The object of each day in the lake, oldest first; other objects below the folder are ignored."""
        dated_objects = (
            (layout.day_of_key(table, item.key), item) for item in self.objects.list(layout.table_folder(table))
        )
        return {day: item for day, item in sorted(dated_objects, key=lambda pair: pair[1].key) if day is not None}

    def days(
        self,
        table: SourceTable,
        connection: duckdb.DuckDBPyConnection,
        cached: Mapping[date, RawObject] = NO_OBJECTS,
    ) -> dict[date, RawObject]:
        """The days in the lake with the state of each object, oldest first.

        Args:
            table: The table.
            connection: Session that can read the lake.
            cached: Objects whose state was read before; those with the same ETag are not read again.

        Raises:
            LakeError: when the store or a state cannot be read.
        """
        stored = self.stored_days(table)
        cached_states = {
            day: cached[day].state
            for day, item in stored.items()
            if day in cached and cached[day].stored.etag == item.etag
        }
        texts = read_state_texts(connection, [item.url for day, item in stored.items() if day not in cached_states])
        return {
            day: RawObject(
                day=day,
                stored=item,
                state=cached_states.get(day) or RawState.from_json(texts.get(item.url, ""), item.url),
            )
            for day, item in stored.items()
        }

    def first_day(self, table: SourceTable) -> date | None:
        """The oldest day of a table in the lake; ``None`` without any."""
        return min(self.stored_days(table), default=None)

    def newest_state(self, table: SourceTable, connection: duckdb.DuckDBPyConnection) -> RawState | None:
        """The state of the newest object of a table; ``None`` without any."""
        stored = self.stored_days(table)
        if not stored:
            return None
        url = stored[max(stored)].url
        return RawState.from_json(read_state_texts(connection, [url]).get(url, ""), url)


def read_state_texts(connection: duckdb.DuckDBPyConnection, urls: Sequence[str]) -> Mapping[str, str]:
    """The state text in each object's Parquet footer, by address; only footers are read."""
    if not urls:
        return {}
    rows = run_sql(
        connection,
        f"select file_name, decode(value) from parquet_kv_metadata({url_list(urls)})"
        f" where decode(key) = {literal(FOOTER_KEY)}",
    ).fetchall()
    return dict(rows)


def raw_rows(urls: Sequence[str], *, with_day: bool = False, with_number: bool = False) -> str:
    """DuckDB relation of the rows of some objects, columns matched by name.

    Args:
        urls: Addresses of the objects.
        with_day: Whether the day in the path becomes a column.
        with_number: Whether to add the column ``file_row_number``, the row's number in its object from 0.
    """
    days = ", hive_partitioning = true, hive_types = {'day': date}" if with_day else ", hive_partitioning = false"
    number = ", file_row_number = true" if with_number else ""
    return f"read_parquet({url_list(urls)}, union_by_name = true{days}{number})"


def object_rows(
    objects: Sequence[RawObject],
    columns: Mapping[str, str] | None = None,
    *,
    files: Sequence[Path] = (),
    with_day: bool = False,
    with_number: bool = False,
) -> str:
    """DuckDB relation of the rows of some objects, with one spelling and one type for each column.

    Args:
        objects: Objects of one table, oldest first.
        columns: Spelling and type of columns; by default those of the newest object.
        files: Local files of rows, which have ``columns`` already.
        with_day: As in ``raw_rows``.
        with_number: As in ``raw_rows``.
    """
    target = newest_column_types([*(item.state.columns for item in objects), columns or {}])
    urls: dict[str, list[str]] = {}
    for item in objects:
        urls.setdefault(selection_as(item.state.columns, target), []).append(item.stored.url)
    local_files = [str(path) for path in files]
    if not urls.keys() - {"*"}:
        return raw_rows([*urls.get("*", []), *local_files], with_day=with_day, with_number=with_number)
    parts = [
        f"select {selection} from {raw_rows(urls_shown, with_day=with_day, with_number=with_number)}"
        for selection, urls_shown in (*urls.items(), *([("*", local_files)] if local_files else []))
    ]
    return f"({' union all by name '.join(parts)})"


def observed_states(days: Mapping[date, RawObject]) -> list[RawState]:
    """The state of each observed day, oldest first."""
    return [item.state for item in days.values() if item.state.is_observed]


def newest_state_until(days: Mapping[date, RawObject], last: date) -> RawState | None:
    """The state of the newest observed day up to ``last``; ``None`` without any."""
    states = observed_states({day: item for day, item in days.items() if day <= last})
    return states[-1] if states else None


def state_objects(days: Mapping[date, RawObject]) -> list[RawObject]:
    """The objects that make up the current state: the last one that holds the whole table, and all after it."""
    observed = [item for item in days.values() if item.state.is_observed]
    whole_indexes = [
        index
        for index, item in enumerate(observed)
        if item.state.is_whole or item.state.strategy == Strategy.SNAPSHOT.value
    ]
    return observed[whole_indexes[-1] :] if whole_indexes else observed


def current_state(
    table: SourceTable, days: Mapping[date, RawObject], columns: Mapping[str, str] | None = None
) -> str | None:
    """SQL of a table's current rows in the lake; ``None`` before its first day.

    Args:
        table: The table.
        days: Its days in the lake.
        columns: Spelling and type of columns; by default those of the newest day.
    """
    objects = state_objects(days)
    return latest_rows(object_rows(objects, columns), table.key) if objects else None


def latest_rows(rows: str, key: Sequence[str]) -> str:
    """SQL of the last version of each row that was not deleted, from the raw rows of a table."""
    columns = ", ".join(quoted(name) for name in key)
    newest = f"select max(_position) from {rows} group by {columns}"
    return f"(select * from {rows} where _op <> 'd' and _position in ({newest}))"


def run_sql(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """Run DuckDB SQL over raw objects.

    Raises:
        LakeError: with DuckDB's message, secrets redacted.
    """
    try:
        return connection.execute(sql)
    except duckdb.Error as error:
        message = redact(str(error), []).splitlines()[0].rstrip(".")
        raise LakeError(
            f"The lake could not be read or written: {message}:",
            "nothing was committed.",
            public_problem=f"The lake could not be read or written ({error_kind(error)}):",
        ) from None


def url_list(urls: Sequence[str]) -> str:
    """A DuckDB list of addresses."""
    return f"[{', '.join(literal(url) for url in urls)}]"
