"""Publishing a green build: new objects first, then what engines read, and the manifest last.

A reader of one table sees its old objects or its new ones. A reader of the manifest sees all tables of one
moment, because the objects it names never change. Killed anywhere, the next publication finishes or replaces it.
"""

import hashlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.export import REQUESTS, Stored, export
from refera_platform.warehouse.increment import Scope
from refera_platform.warehouse.inputs import Inputs, save
from refera_platform.warehouse.project import Model, Project
from refera_platform.warehouse.published import (
    KEY,
    OBJECTS,
    Published,
    PublishedModel,
    fixed_key,
    inputs_key,
    object_key,
    read,
)

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
    stored = Stored(objects={item.key: item for item in root.list()})
    tables = {**before.models, **before.state}
    fresh = export(
        root, connection, models, before=tables, scope=scope, stored=stored, run_id=run_id, folder=folder
    )
    is_complete = {model.name for model in models} >= {
        name for name, model in project.models.items() if model.is_kept
    }
    base = before
    if is_complete:
        state = {name: model for name, model in fresh.items() if not project.models[name].is_published}
        sent = _send_inputs(root, connection, inputs, stored, folder)
        base = replace(before, complete_run=run_id, logic=project.logic(), inputs=sent, state=state)
    if read(root).etag != before.etag:
        raise WarehouseError(
            "Another run published meanwhile, so this one published nothing:", "run it again."
        )
    kept = {name: model for name, model in before.models.items() if name in project.published}
    served = {**kept, **{name: model for name, model in fresh.items() if project.models[name].is_published}}
    moment = datetime.now(UTC)
    now = replace(
        base, run_id=run_id, published_at=moment.isoformat(), models=_copied(root, served, before, stored),
        sources=inputs.described(), retired={},
    )  # fmt: skip
    current = now.all_objects()
    replaced = dict.fromkeys(before.all_objects(), moment.isoformat())
    retired = {
        key: at
        for key, at in {**replaced, **before.retired}.items()
        if key not in current and key in stored.objects
    }
    over = {key for key, at in retired.items() if datetime.fromisoformat(at) < moment - GRACE}
    now = replace(now, retired={key: at for key, at in retired.items() if key not in over})
    manifest = folder / KEY
    manifest.write_text(now.to_json())
    root.put(KEY, manifest, replaces=before.etag or None)
    for key in _left_over(stored, {*before.models, *project.models}) - now.fixed_keys():
        root.remove(key)
    for key, item in stored.objects.items():
        orphan = key not in current and key not in now.retired and item.modified < moment - GRACE
        if key.startswith(OBJECTS) and (key in over or orphan):
            root.remove(key)
    return now


def _copied(
    root: ObjectRoot, models: dict[str, PublishedModel], before: Published, stored: Stored
) -> dict[str, PublishedModel]:
    """Put each new object where engines read it; what was there and is the same stays untouched."""
    were = {
        fixed_key(name, item.month, model.stored_by): item
        for name, model in before.models.items()
        for item in model.objects
    }
    etags: dict[str, str] = {}
    moved: dict[str, tuple[str, int]] = {}
    for name, model in models.items():
        for item in model.objects:
            key = fixed_key(name, item.month, model.stored_by)
            was, there = were.get(key), stored.objects.get(key)
            if was and there and was.sha256 == item.sha256 and there.etag == was.etag:
                etags[key] = was.etag
            else:  # new content, or a publication that was killed half way
                moved[key] = object_key(name, item, model.stored_by), item.bytes
    with ThreadPoolExecutor(REQUESTS) as copying:
        done = copying.map(
            lambda key: root.copy(
                moved[key][0],
                key,
                replaces=stored.objects[key].etag if key in stored.objects else None,
                size=moved[key][1],
            ),
            moved,
        )
        etags.update(zip(moved, done, strict=True))
    return {
        name: replace(
            model,
            objects=tuple(
                replace(item, etag=etags[fixed_key(name, item.month, model.stored_by)])
                for item in model.objects
            ),
        )
        for name, model in models.items()
    }


def _left_over(stored: Stored, models: Collection[str]) -> set[str]:
    """What lay where engines read tables: also of publications that were killed before their manifest, or after it."""
    return {
        key for key in stored.objects if key.endswith("/part-0.parquet") and key.partition("/")[0] in models
    }


def _send_inputs(
    root: ObjectRoot, connection: duckdb.DuckDBPyConnection, inputs: Inputs, stored: Stored, folder: Path
) -> str:
    """Store the list of raw objects; its name is the hash of its content."""
    path = folder / "inputs.parquet"
    save(connection, inputs, str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    key = inputs_key(digest)
    if not stored.has(key, path.stat().st_size):
        root.put(key, path, replaces=stored.objects[key].etag if key in stored.objects else None)
    return digest
