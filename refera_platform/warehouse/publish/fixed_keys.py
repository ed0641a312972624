"""Sync of the fixed keys, which any engine reads, with the present manifest.

    manifest + listing ──find_differences()──▶ keys ──sync_fixed_keys()──▶ conditional copies, until nothing differs

The manifest is the commit; the fixed keys follow it. A run that copied reads the manifest again. When another run
has published meanwhile, it copies that run's objects. What a late copy or a killed process leaves wrong is found by
the next publication, by ``refera verify`` and by a check.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from refera_platform.errors import LakeError, OvertakenError, WarehouseError
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.warehouse.publish.export import MAX_PARALLEL_REQUESTS
from refera_platform.warehouse.publish.manifest import (
    Publication,
    PublishedModel,
    PublishedObject,
    fixed_key,
    object_key,
    read_publication,
)

MAX_ROUNDS = 6
"""Most comparisons of manifest and keys; each one after the first means that another run published meanwhile."""
ObjectsByKey = Mapping[str, StoredObject]
"""Objects below a root, by key."""
CopiedEtags = Mapping[tuple[str, str], str]
"""ETag of a copy, by its key and the SHA-256 of its bytes."""
NOTHING_COPIED: CopiedEtags = {}


@dataclass(frozen=True, kw_only=True)
class ManifestObject:
    """The object that the manifest names for a fixed key."""

    item: PublishedObject
    source: str
    """Content-addressed key of the same bytes."""


@dataclass(frozen=True, kw_only=True)
class FixedKeyDifferences:
    """Fixed keys that differ from the manifest."""

    copies: Mapping[str, ManifestObject]
    """Keys that are missing or hold other bytes, and the object that belongs there."""
    obsolete_keys: tuple[str, ...]
    """Keys that the manifest no longer names."""
    key_count: int
    """How many keys the manifest names."""

    @property
    def keys(self) -> tuple[str, ...]:
        """All differing keys."""
        return (*self.copies, *self.obsolete_keys)

    @property
    def message(self) -> str:
        """A sentence and the next step; empty when nothing differs."""
        if not self.keys:
            return ""
        return (
            f"{len(self.keys)} of the {self.key_count} keys that other engines read do not hold what the manifest"
            f" names, the first is {self.keys[0]}: `refera run` corrects them."
        )


def list_objects_by_key(root: ObjectRoot) -> dict[str, StoredObject]:
    """All objects below the root, by key."""
    return {item.key: item for item in root.list()}


def find_differences(
    root: ObjectRoot, published: Publication, listing: ObjectsByKey, copied: CopiedEtags = NOTHING_COPIED
) -> FixedKeyDifferences:
    """Compare the fixed keys with a manifest.

    The listing is enough where a copy has the ETag of its source, as when the ETag is a hash of the bytes. Where it has
    not (encryption with KMS keys), the key's own metadata is read, unless its ETag is known.

    Args:
        root: The warehouse.
        published: Content of its manifest.
        listing: Its objects.
        copied: ETags of known copies.
    """
    named = _manifest_objects(published.models)
    has_comparable_etags = any(_etag(listing, key) == _etag(listing, each.source) != "" for key, each in named.items())
    copies = {}
    for key, each in named.items():
        etag, item = _etag(listing, key), each.item
        valid_etags = {item.etag, _etag(listing, each.source), copied.get((key, item.sha256), "")} - {""}
        if not etag or (etag not in valid_etags and (has_comparable_etags or root.sha256(key) != item.sha256)):
            copies[key] = each
    models = {key.partition("/")[0] for key in named} | {key.split("/")[1] for key in published.retired}
    obsolete_keys = tuple(
        key
        for key in listing
        if key.endswith("/part-0.parquet") and key.partition("/")[0] in models and key not in named
    )
    return FixedKeyDifferences(copies=copies, obsolete_keys=obsolete_keys, key_count=len(named))


def compare_fixed_keys(root: ObjectRoot) -> FixedKeyDifferences:
    """Compare the fixed keys with the manifest, both as they are now."""
    listing = list_objects_by_key(root)
    return find_differences(root, read_publication(root), listing)


def with_fixed_key_etags(
    root: ObjectRoot, models: Mapping[str, PublishedModel], previous: Publication, listing: ObjectsByKey
) -> dict[str, PublishedModel]:
    """The models of a new manifest with the ETag of each fixed key: its own where its bytes stay, else its source's.

    Args:
        root: The warehouse.
        models: Models of the new manifest.
        previous: The manifest that it replaces.
        listing: Objects below the root.
    """
    previous_etags = {
        (key, each.item.sha256): each.item.etag for key, each in _manifest_objects(previous.models).items()
    }

    def with_etags(etag: Mapping[str, str]) -> dict[str, PublishedModel]:
        return {
            name: replace(
                model,
                objects=tuple(
                    replace(item, etag=etag[fixed_key(name, item.month, model.stored_by)]) for item in model.objects
                ),
            )
            for name, model in models.items()
        }

    named = _manifest_objects(models)
    expected_etags = {key: previous_etags.get((key, each.item.sha256), "") for key, each in named.items()}
    differing_keys = find_differences(root, replace(previous, models=with_etags(expected_etags)), listing).copies
    return with_etags(
        {
            key: _etag(listing, each.source if key in differing_keys else key) or expected_etags[key]
            for key, each in named.items()
        }
    )


def sync_fixed_keys(root: ObjectRoot, published: Publication, listing: ObjectsByKey) -> Publication:
    """Make the fixed keys hold what the present manifest names.

    Args:
        root: The warehouse.
        published: The manifest that was last written or read.
        listing: Objects below the root, listed at any time before.

    Returns:
        The manifest that the keys now follow; another run's when it published meanwhile.

    Raises:
        WarehouseError: when some keys cannot be written. The publication itself is not affected.
    """
    copied: dict[tuple[str, str], str] = {}
    for _ in range(MAX_ROUNDS):
        differences = find_differences(root, published, listing, copied)
        if not differences.keys:
            return published
        copied |= _apply_differences(root, published, differences, listing)
        # in this order: a key that another run writes in between no longer has the listed ETag
        listing, published = list_objects_by_key(root), read_publication(root)
    raise WarehouseError(
        f"Other runs publish below {root.root} without a pause, so the keys that other engines read may be a mixture:",
        "run it again when they have ended.",
        is_transient=True,
    )


def _apply_differences(
    root: ObjectRoot, published: Publication, differences: FixedKeyDifferences, listing: ObjectsByKey
) -> dict[tuple[str, str], str]:
    """Copy and remove keys. What another run wrote meanwhile is left to the next comparison."""
    copied, refusals = dict[tuple[str, str], str](), list[tuple[str, LakeError]]()
    with ThreadPoolExecutor(MAX_PARALLEL_REQUESTS) as executor:
        copies = {
            key: executor.submit(
                root.copy, each.source, key, replaces=_etag(listing, key) or None, size_bytes=each.item.bytes
            )
            for key, each in differences.copies.items()
        }
    for key, copy in copies.items():
        try:
            copied[key, differences.copies[key].item.sha256] = copy.result()
        except OvertakenError:
            continue
        except LakeError as error:
            refusals.append((key, error))
    for key in differences.obsolete_keys:
        try:
            root.remove(key)
        except LakeError as error:
            refusals.append((key, error))
    if refusals:
        key, first = refusals[0]
        raise WarehouseError(
            f"Publication {published.run_id} is complete and `refera query` shows it, but other engines see a mixture"
            f" of it and the previous one: {len(refusals)} of {len(differences.keys)} keys could not be written,"
            f" the first is {key} ({first.problem.rstrip(':')}).",
            f"{first.remedy[:1].upper()}{first.remedy[1:].rstrip('.')}, then `refera run` corrects them.",
            is_transient=first.is_transient,
        )
    return copied


def _manifest_objects(models: Mapping[str, PublishedModel]) -> dict[str, ManifestObject]:
    """The object that belongs to each fixed key."""
    return {
        fixed_key(name, item.month, model.stored_by): ManifestObject(
            item=item, source=object_key(name, item, model.stored_by)
        )
        for name, model in models.items()
        for item in model.objects
    }


def _etag(listing: ObjectsByKey, key: str) -> str:
    return listing[key].etag if key in listing else ""
