"""Exporter of a build's tables: Parquet objects named by a hash of their content. Existing content is not sent again.

Commits nothing: ``publish`` writes the manifest.

build's database ──export_models()──▶ a local file per table or month ──▶ _objects/<model>/…/<sha256>.parquet
"""

import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import run_sql
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.build.incremental import UNKNOWN_MONTH, RebuildScope
from refera_platform.warehouse.dbt_project import DbtModel
from refera_platform.warehouse.publish.manifest import PublishedModel, PublishedObject, object_key

MAX_PARALLEL_REQUESTS = 8
"""Concurrent uploads: most objects are small, and each waits for the store."""


@dataclass(frozen=True, kw_only=True)
class StoredObjectIndex:
    """The objects below the warehouse's root when a publication began, by key."""

    objects: dict[str, StoredObject]
    """Grows by each upload."""
    expiring_keys: Collection[str]
    """Keys that another run may be about to remove."""
    is_trusted: bool = True
    """Whether stored bytes count as they were written. Otherwise every object is sent again, over damaged ones too."""

    def has(self, key: str, size: int) -> bool:
        """Whether an object of this key and size exists, counts, and will not be removed."""
        if not self.is_trusted:
            return False
        return key not in self.expiring_keys and key in self.objects and self.objects[key].size_bytes == size

    def upload(self, root: ObjectRoot, key: str, path: Path) -> None:
        """Upload a file to a key that is a hash of its content, and delete the local file."""
        size, previous = path.stat().st_size, self.objects.get(key)
        etag = root.put(key, path, replaces=previous.etag if previous else None)
        self.objects[key] = StoredObject(
            key=key, url=root.url(key), size_bytes=size, etag=etag, modified_at=datetime.now(UTC)
        )
        path.unlink()


def export_models(
    context: BuildContext,
    connection: duckdb.DuckDBPyConnection,
    scope: RebuildScope | None,
    stored: StoredObjectIndex,
) -> dict[str, PublishedModel]:
    """Store tables of the build's database.

    Args:
        context: The build; months outside ``scope`` are taken over from its previous publication.
        connection: Session on the database that was built and tested.
        scope: Months that the build rebuilt, by column; ``None`` for all months.
        stored: Objects below the root.

    Returns:
        The stored models by name.

    Raises:
        WarehouseError: when a file does not hold the rows of its table.
    """
    exported, previous = {}, context.previous_tables
    with ThreadPoolExecutor(MAX_PARALLEL_REQUESTS) as executor:
        uploads = list[Future[None]]()
        for model in sorted(context.stored_models, key=lambda model: model.name):
            by = model.months.by if model.months else ""
            column_rows = run_sql(connection, f"describe main.{quoted(model.name)}").fetchall()
            previous_objects = previous[model.name].objects if scope is not None and by else ()
            objects = [item for item in previous_objects if scope is not None and item.month not in scope[by]]
            months = None if scope is None else scope.get(by)
            for item, path in _write_files(connection, model, months, context.folder, is_alone=not objects):
                key = object_key(model.name, item, by)
                if stored.has(key, item.bytes):
                    path.unlink()
                else:
                    uploads.append(executor.submit(stored.upload, context.root, key, path))
                objects.append(item)
            objects.sort(key=lambda item: item.month)
            exported[model.name] = PublishedModel(
                rows=sum(item.rows for item in objects),
                bytes=sum(item.bytes for item in objects),
                run_id=context.run_id,
                columns={column: kind for column, kind, *_ in column_rows},
                stored_by=by,
                objects=tuple(objects),
            )
        for upload in uploads:
            upload.result()
    return exported


def _write_files(
    connection: duckdb.DuckDBPyConnection,
    model: DbtModel,
    months: Collection[str] | None,
    folder: Path,
    *,
    is_alone: bool,
) -> Iterator[tuple[PublishedObject, Path]]:
    """Write the files of a table: one, or one for each month that has rows.

    A table without any rows has an empty object in the month ``unknown``, so that engines find its columns.
    """
    table = f"main.{quoted(model.name)}"
    if model.months is None:
        counted_all = run_sql(connection, f"select count(*) from {table}").fetchone()
        yield _write_file(connection, model.name, table, counted_all[0] if counted_all else 0, folder)
        return
    by, totals = quoted(model.months.by), model.months.totals
    measures = "".join(f", cast({sql} as varchar)" for sql in totals.values())
    counted = run_sql(connection, f"select {by}, count(*){measures} from {table} group by 1 order by 1").fetchall()
    counts_by_month = {month: (rows, dict(zip(totals, values, strict=True))) for month, rows, *values in counted}
    if months is not None and (unexpected := sorted(set(counts_by_month) - set(months))):
        raise WarehouseError(
            f"{model.name} has rows of {', '.join(unexpected)}, which the build was not to write:",
            "nothing was published; build everything: refera run --full-refresh.",
        )
    if not counts_by_month and is_alone:
        counts_by_month = {UNKNOWN_MONTH: (0, {})}
    for month, (count, values) in counts_by_month.items():
        rows = f"(select * exclude ({by}) from {table} where {by} = {literal(month)})"
        item, path = _write_file(connection, f"{model.name}-{month}", rows, count, folder)
        yield replace(item, month=month, totals=values), path


def _write_file(
    connection: duckdb.DuckDBPyConnection, name: str, rows: str, count: int, folder: Path
) -> tuple[PublishedObject, Path]:
    """Write one local file, ordered so that the same rows give the same bytes."""
    path = folder / f"{name}.parquet"
    run_sql(
        connection,
        f"copy (select * from {rows} order by all) to {literal(str(path))} (format parquet, compression zstd)",
    )
    footer = run_sql(connection, f"select num_rows from parquet_file_metadata({literal(str(path))})").fetchone()
    if footer is None or footer[0] != count:
        raise WarehouseError(f"The file of {name} does not hold the rows of its table:", "nothing was published.")
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return PublishedObject(rows=count, bytes=path.stat().st_size, sha256=digest), path
