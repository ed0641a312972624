"""Publishing a green build: new objects first, then what engines read, and the manifest last.

A reader of one table sees its old object or its new one. A reader of the manifest sees all tables of one
moment, because the objects it names never change. Killed anywhere, the next publication finishes or replaces it.
"""

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from refera_platform.engine import literal, quoted
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import run
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.warehouse.inputs import Inputs
from refera_platform.warehouse.published import (
    KEY,
    OBJECTS,
    Published,
    PublishedModel,
    fixed_key,
    object_key,
    read,
)

GRACE = timedelta(days=1)
"""How long objects of replaced publications stay readable for sessions that opened them."""


def publish(
    root: ObjectRoot,
    connection: duckdb.DuckDBPyConnection,
    models: Collection[str],
    *,
    everything: Collection[str],
    inputs: Inputs,
    run_id: str,
    folder: Path,
) -> Published:
    """Publish tables of the build's database.

    Args:
        root: The warehouse.
        connection: Session on the database that was built and tested.
        models: What this run built; the rest of ``everything`` stays as it is published.
        everything: All models the project publishes; others that are published are taken down.
        inputs: What the build read.
        run_id: Name of the run, for the manifest.
        folder: Local folder for files.

    Returns:
        The publication as it is served now.
    """
    before = read(root)
    stored = {item.key: item for item in root.list()}
    fresh = {name: _upload(root, connection, name, stored, run_id, folder) for name in sorted(models)}
    kept = {name: model for name, model in before.models.items() if name in everything}
    if read(root).etag != before.etag:
        raise WarehouseError(
            "Another run published meanwhile, so this one published nothing:", "run it again."
        )
    served = {}
    for name, model in {**kept, **fresh}.items():
        there = stored.get(fixed_key(name))
        was = before.models.get(name)
        if was and there and was.sha256 == model.sha256 and there.etag == was.etag:
            etag = was.etag
        else:  # new content, or a publication that was killed half way
            etag = root.copy(object_key(name, model.sha256), fixed_key(name))
        served[name] = PublishedModel(**{**vars(model), "etag": etag})
    moment = datetime.now(UTC)
    current = {object_key(name, model.sha256) for name, model in served.items()}
    replaced = {object_key(name, model.sha256): moment.isoformat() for name, model in before.models.items()}
    retired = {
        key: at for key, at in {**replaced, **before.retired}.items() if key not in current and key in stored
    }
    over = {key for key, at in retired.items() if datetime.fromisoformat(at) < moment - GRACE}
    now = Published(
        run_id=run_id, published_at=moment.isoformat(), models=served, sources=inputs.described(),
        retired={key: at for key, at in retired.items() if key not in over},
    )  # fmt: skip
    manifest = folder / KEY
    manifest.write_text(now.to_json())
    root.put(KEY, manifest, replaces=before.etag or None)
    for name in set(before.models) - set(everything):
        root.remove(fixed_key(name))
    for key, item in stored.items():
        orphan = key not in current and key not in now.retired and item.modified < moment - GRACE
        if key.startswith(OBJECTS) and (key in over or orphan):
            root.remove(key)
    return now


def _upload(
    root: ObjectRoot, connection: duckdb.DuckDBPyConnection, name: str, stored: dict[str, StoredObject], run_id: str,
    folder: Path,
) -> PublishedModel:  # fmt: skip
    """Export one table, in an order that gives the same bytes for the same rows, and store it if it is new."""
    path = folder / f"{name}.parquet"
    run(
        connection,
        f"copy (select * from main.{quoted(name)} order by all) to {literal(str(path))}"
        " (format parquet, compression zstd)",
    )
    counts = run(
        connection,
        f"select (select count(*) from main.{quoted(name)}),"
        f" (select sum(num_rows) from parquet_file_metadata({literal(str(path))}))",
    ).fetchone()
    if counts is None or counts[0] != counts[1]:
        raise WarehouseError(
            f"The file of {name} does not hold the rows of its table:", "nothing was published."
        )
    described = run(connection, f"describe main.{quoted(name)}").fetchall()
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    key, size = object_key(name, digest), path.stat().st_size
    if key not in stored or stored[key].size != size:
        root.put(key, path, replaces=stored[key].etag if key in stored else None)
    path.unlink()
    return PublishedModel(
        rows=counts[0], bytes=size, sha256=digest, etag="", run_id=run_id,
        columns={column: kind for column, kind, *_ in described},
    )  # fmt: skip
