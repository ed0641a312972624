"""Publishing a green build: new objects first, then the manifest, which is the commit, and then what engines read.

A reader of the manifest sees all tables of one moment, because the objects it names never change. A run that another
one overtook has written objects that nobody reads, and nothing else. Killed anywhere, the next publication finishes or
replaces it.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from refera_platform.errors import OvertakenError, WarehouseError
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.warehouse.build.increment import Scope
from refera_platform.warehouse.build.inputs import Inputs, save
from refera_platform.warehouse.dbt_project import Model, Project
from refera_platform.warehouse.publish.export import Stored, export
from refera_platform.warehouse.publish.fixed_keys import identified, listed, settle
from refera_platform.warehouse.publish.publication import KEY, OBJECTS, Published, inputs_key

GRACE = timedelta(days=1)
"""How long objects of replaced publications stay readable for sessions that opened them."""


def publish(
    root: ObjectRoot,
    connection: duckdb.DuckDBPyConnection,
    models: Collection[Model],
    *,
    project: Project,
    before: Published,
    inputs: Inputs,
    scope: Scope | None,
    run_id: str,
    folder: Path,
) -> Published:
    """Publish tables of the build's database.

    Args:
        root: The warehouse.
        connection: Session on the database that was built and tested.
        models: What this run built and is kept; the rest of the project stays as it is published.
        project: All models; others that are published are taken down.
        before: What was published when the build began.
        inputs: What the build read.
        scope: Months that the build wrote anew, by column; ``None`` for a build of everything it built.
        run_id: Name of the run, for the manifest.
        folder: Local folder for files.

    Returns:
        The publication as it is served now.
    """
    listing, moment = listed(root), datetime.now(UTC)
    stored = Stored(objects=listing, fading=_fading(before, listing, moment))
    tables = {**before.models, **before.state}
    fresh = export(root, connection, models, before=tables, scope=scope, stored=stored, run_id=run_id, folder=folder)
    is_complete = {model.name for model in models} >= {name for name, model in project.models.items() if model.is_kept}
    base = before
    if is_complete:
        state = {name: model for name, model in fresh.items() if not project.models[name].is_published}
        sent = _send_inputs(root, connection, inputs, stored, folder)
        base = replace(before, complete_run=run_id, logic=project.logic(), inputs=sent, state=state)
    kept = {name: model for name, model in before.models.items() if name in project.published}
    served = {**kept, **{name: model for name, model in fresh.items() if project.models[name].is_published}}
    now = replace(
        base,
        run_id=run_id,
        published_at=moment.isoformat(),
        models=identified(root, served, before, listing),
        sources=inputs.described(),
        retired={},
    )
    replaced = dict.fromkeys(before.all_objects(), moment.isoformat())
    retired = {
        key: at for key, at in {**replaced, **before.retired}.items() if key not in now.all_objects() and key in listing
    }
    over = {key for key, at in retired.items() if datetime.fromisoformat(at) < moment - GRACE}
    now = replace(now, retired={key: at for key, at in retired.items() if key not in over})
    manifest = folder / KEY
    manifest.write_text(now.to_json())
    try:
        now = replace(now, etag=root.put(KEY, manifest, replaces=before.etag or None))
    except OvertakenError:
        raise WarehouseError(
            "Another run published meanwhile, so this one published nothing:", "run it again."
        ) from None
    if settle(root, now, listing).etag == now.etag:  # else the other run knows better what is read no more
        _clean(root, now, listing, over, moment)
    return now


def _fading(before: Published, listing: Mapping[str, StoredObject], moment: datetime) -> set[str]:
    """Objects that a run may be about to remove: a new manifest must not rely on them, so they are sent again."""
    soon, current = moment - GRACE / 2, before.all_objects()
    return {
        key
        for key, item in listing.items()
        if key not in current and datetime.fromisoformat(before.retired.get(key, item.modified.isoformat())) < soon
    }


def _clean(
    root: ObjectRoot, now: Published, listing: Mapping[str, StoredObject], over: Collection[str], moment: datetime
) -> None:
    """Remove what nobody reads any more, and what no manifest ever named."""
    current = now.all_objects()
    for key, item in listing.items():
        orphan = key not in current and key not in now.retired and item.modified < moment - GRACE
        if key.startswith(OBJECTS) and (key in over or orphan):
            root.remove(key)


def _send_inputs(
    root: ObjectRoot, connection: duckdb.DuckDBPyConnection, inputs: Inputs, stored: Stored, folder: Path
) -> str:
    """Store the list of raw objects; its name is the hash of its content."""
    path = folder / "inputs.parquet"
    save(connection, inputs, str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    key = inputs_key(digest)
    if not stored.has(key, path.stat().st_size):
        stored.send(root, key, path)
    return digest
