"""Publisher of a green build: first the new objects, then the manifest, which is the commit, then the fixed keys.

A reader of the manifest sees all tables as of one publication, because the objects that it names never change. A run
that another one overtook leaves unused objects and nothing else. After a kill at any point, the next publication
completes or replaces it.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb

from refera_platform.errors import OvertakenError, WarehouseError
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.build.incremental import RebuildScope
from refera_platform.warehouse.build.inputs import BuildInputs, save_inputs
from refera_platform.warehouse.publish.export import StoredObjectIndex, export_models
from refera_platform.warehouse.publish.fixed_keys import list_objects_by_key, sync_fixed_keys, with_fixed_key_etags
from refera_platform.warehouse.publish.manifest import MANIFEST_KEY, OBJECTS_PREFIX, Publication, inputs_key

GRACE_PERIOD = timedelta(days=1)
"""How long objects of replaced publications stay, for sessions that opened them."""


def publish_build(
    context: BuildContext,
    connection: duckdb.DuckDBPyConnection,
    inputs: BuildInputs,
    scope: RebuildScope | None,
) -> Publication:
    """Publish tables of the build's database.

    Args:
        context: The build. Published models that its project does not have are removed.
        connection: Session on the database that was built and tested.
        inputs: What the build read.
        scope: Months that an incremental build rebuilt, by column; ``None`` for a full build.

    Returns:
        The new publication.

    Raises:
        WarehouseError: when another run published meanwhile, or a file does not hold the rows of its table.
    """
    root, project, previous = context.root, context.project, context.previous
    listing, published_at = list_objects_by_key(root), datetime.now(UTC)
    expiring_keys = _expiring_keys(previous, listing, published_at)
    stored = StoredObjectIndex(objects=listing, expiring_keys=expiring_keys, is_trusted=not context.full_refresh)
    exported = export_models(context, connection, scope, stored)
    is_complete = exported.keys() >= {name for name, model in project.models.items() if model.is_kept}
    base = previous
    if is_complete:
        state = {name: model for name, model in exported.items() if not project.models[name].is_published}
        inputs_sha256 = _store_inputs(context, connection, inputs, stored)
        base = replace(
            previous, complete_run=context.run_id, logic=project.logic_hash(), inputs=inputs_sha256, state=state
        )
    carried_over = {name: model for name, model in previous.models.items() if name in project.published}
    published_models = {
        **carried_over,
        **{name: model for name, model in exported.items() if project.models[name].is_published},
    }
    publication = replace(
        base,
        run_id=context.run_id,
        published_at=published_at.isoformat(),
        models=with_fixed_key_etags(root, published_models, previous, listing),
        sources=inputs.to_manifest_sources(),
        retired={},
    )
    replaced = dict.fromkeys(previous.object_keys(), published_at.isoformat())
    retired = {
        key: at
        for key, at in {**replaced, **previous.retired}.items()
        if key not in publication.object_keys() and key in listing
    }
    expired = {key for key, at in retired.items() if datetime.fromisoformat(at) < published_at - GRACE_PERIOD}
    publication = replace(publication, retired={key: at for key, at in retired.items() if key not in expired})
    manifest = context.folder / MANIFEST_KEY
    manifest.write_text(publication.to_json())
    try:
        publication = replace(publication, etag=root.put(MANIFEST_KEY, manifest, replaces=previous.etag or None))
    except OvertakenError:
        raise WarehouseError(
            "Another run published meanwhile, so this one published nothing:", "run it again."
        ) from None
    if (
        sync_fixed_keys(root, publication, listing).etag == publication.etag
    ):  # otherwise another run published, and it removes unused objects
        _remove_unused_objects(root, publication, listing, expired, published_at)
    return publication


def _expiring_keys(previous: Publication, listing: Mapping[str, StoredObject], published_at: datetime) -> set[str]:
    """Objects that another run may be about to remove: a new manifest must not rely on them, so they are sent again."""
    expires_before, current = published_at - GRACE_PERIOD / 2, previous.object_keys()
    return {
        key
        for key, item in listing.items()
        if key not in current
        and datetime.fromisoformat(previous.retired.get(key, item.modified_at.isoformat())) < expires_before
    }


def _remove_unused_objects(
    root: ObjectRoot,
    publication: Publication,
    listing: Mapping[str, StoredObject],
    expired: Collection[str],
    published_at: datetime,
) -> None:
    """Remove objects whose grace period ended, and old objects that no manifest ever named."""
    current = publication.object_keys()
    for key, item in listing.items():
        is_orphan = (
            key not in current and key not in publication.retired and item.modified_at < published_at - GRACE_PERIOD
        )
        if key.startswith(OBJECTS_PREFIX) and (key in expired or is_orphan):
            root.remove(key)


def _store_inputs(
    context: BuildContext, connection: duckdb.DuckDBPyConnection, inputs: BuildInputs, stored: StoredObjectIndex
) -> str:
    """Store the list of raw objects; its key is the hash of its content."""
    path = context.folder / "inputs.parquet"
    save_inputs(connection, inputs, str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    key = inputs_key(digest)
    if not stored.has(key, path.stat().st_size):
        stored.upload(context.root, key, path)
    return digest
