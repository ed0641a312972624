"""The fixed keys, which any engine reads: made to hold what the manifest in force names, and compared with it.

    manifest + listing ──differing()──▶ keys ──settle()──▶ copies on condition, until manifest and keys stand still

The manifest is the commit, and these keys follow it: whoever wrote one reads the manifest again, and when it is
another's by then, puts that one's objects there. What a copy leaves behind that came late all the same, or a process
that died half way, the next publication finds in its listing, as do ``refera verify`` and a check.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from refera_platform.errors import LakeError, OvertakenError, WarehouseError
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.warehouse.publish.export import REQUESTS
from refera_platform.warehouse.publish.publication import (
    Published,
    PublishedModel,
    PublishedObject,
    fixed_key,
    object_key,
    read,
)

ROUNDS = 6
"""How often manifest and keys are looked at; each further one is a publication that came meanwhile."""
Listing = Mapping[str, StoredObject]
"""What a root holds, by key."""
Made = Mapping[tuple[str, str], str]
"""ETag of a copy, by its key and the SHA-256 of its bytes."""
NOTHING_MADE: Made = {}


@dataclass(frozen=True, kw_only=True)
class Named:
    """What the manifest names for a fixed key."""

    item: PublishedObject
    source: str
    """Key of the same bytes under the name that never changes."""


@dataclass(frozen=True, kw_only=True)
class Differing:
    """Fixed keys that are not as the manifest says."""

    copies: Mapping[str, Named]
    """Keys that hold something else, or nothing, and what belongs there."""
    left_over: tuple[str, ...]
    """Keys that no manifest names any more."""
    of: int
    """How many keys the manifest names."""

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.copies, *self.left_over)

    @property
    def told(self) -> str:
        """A sentence and the next step; empty when all is as it should be."""
        if not self.keys:
            return ""
        return (
            f"{len(self.keys)} of the {self.of} keys that other engines read do not hold what the manifest names, the"
            f" first is {self.keys[0]}: `refera run` puts them right."
        )


def listed(root: ObjectRoot) -> dict[str, StoredObject]:
    """Everything below the root."""
    return {item.key: item for item in root.list()}


def differing(root: ObjectRoot, published: Published, listing: Listing, made: Made = NOTHING_MADE) -> Differing:
    """Compare the fixed keys with a manifest.

    The listing tells enough where a copy has the ETag of its source, which is so when the ETag is a hash of the bytes.
    Where it is not (keys of a KMS), the key's own metadata is asked for, unless its ETag was seen before.

    Args:
        root: The warehouse.
        published: What its manifest says.
        listing: What it holds.
        made: Copies whose ETag is known.
    """
    named = _named(published.models)
    tells = any(_etag(listing, key) == _etag(listing, each.source) != "" for key, each in named.items())
    copies = {}
    for key, each in named.items():
        etag, item = _etag(listing, key), each.item
        known = {item.etag, _etag(listing, each.source), made.get((key, item.sha256), "")} - {""}
        if not etag or (etag not in known and (tells or root.sha256(key) != item.sha256)):
            copies[key] = each
    models = {key.partition("/")[0] for key in named} | {key.split("/")[1] for key in published.retired}
    left_over = tuple(
        key
        for key in listing
        if key.endswith("/part-0.parquet") and key.partition("/")[0] in models and key not in named
    )
    return Differing(copies=copies, left_over=left_over, of=len(named))


def compared(root: ObjectRoot) -> Differing:
    """Compare the fixed keys with the manifest as both are now."""
    listing = listed(root)
    return differing(root, read(root), listing)


def identified(
    root: ObjectRoot, models: Mapping[str, PublishedModel], before: Published, listing: Listing
) -> dict[str, PublishedModel]:
    """The models of a new manifest with the ETag of each fixed key: that of now where its bytes stay, or its source's.

    Args:
        root: The warehouse.
        models: What the manifest will name.
        before: The manifest that it replaces.
        listing: What the root holds.
    """
    were = {(key, each.item.sha256): each.item.etag for key, each in _named(before.models).items()}

    def marked(etag: Mapping[str, str]) -> dict[str, PublishedModel]:
        return {
            name: replace(
                model,
                objects=tuple(
                    replace(item, etag=etag[fixed_key(name, item.month, model.stored_by)]) for item in model.objects
                ),
            )
            for name, model in models.items()
        }

    named = _named(models)
    known = {key: were.get((key, each.item.sha256), "") for key, each in named.items()}
    todo = differing(root, replace(before, models=marked(known)), listing).copies
    return marked(
        {key: _etag(listing, each.source if key in todo else key) or known[key] for key, each in named.items()}
    )


def settle(root: ObjectRoot, published: Published, listing: Listing) -> Published:
    """Make the fixed keys hold what the manifest in force names; says which one that is.

    Args:
        root: The warehouse.
        published: The manifest that was written, or read, last.
        listing: What the root held at some moment before.

    Raises:
        WarehouseError: when some keys cannot be written; which tables are published is not touched by that.
    """
    made: dict[tuple[str, str], str] = {}
    for _ in range(ROUNDS):
        todo = differing(root, published, listing, made)
        if not todo.keys:
            return published
        made |= _carried_out(root, published, todo, listing)
        # in this order: a key that another run writes in between is then no longer the one that was listed
        listing, published = listed(root), read(root)
    raise WarehouseError(
        f"Other runs publish below {root.root} without a pause, so the keys that other engines read may be a mixture:",
        "run it again when they have ended.",
        passing=True,
    )


def _carried_out(
    root: ObjectRoot, published: Published, todo: Differing, listing: Listing
) -> dict[tuple[str, str], str]:
    """Copy and remove; what somebody else wrote meanwhile is left to the next look."""
    made, refused = dict[tuple[str, str], str](), list[tuple[str, LakeError]]()
    with ThreadPoolExecutor(REQUESTS) as copying:
        waiting = {
            key: copying.submit(root.copy, each.source, key, replaces=_etag(listing, key) or None, size=each.item.bytes)
            for key, each in todo.copies.items()
        }
    for key, copy in waiting.items():
        try:
            made[key, todo.copies[key].item.sha256] = copy.result()
        except OvertakenError:
            continue
        except LakeError as trouble:
            refused.append((key, trouble))
    for key in todo.left_over:
        try:
            root.remove(key)
        except LakeError as trouble:
            refused.append((key, trouble))
    if refused:
        key, first = refused[0]
        raise WarehouseError(
            f"Publication {published.run_id} counts, `refera query` shows it, but other engines see a mixture of it and"
            f" what was before: {len(refused)} of {len(todo.keys)} keys could not be written, the first is {key}"
            f" ({first.problem.rstrip(':')}).",
            f"{first.remedy[:1].upper()}{first.remedy[1:].rstrip('.')}, then `refera run` puts them right.",
            passing=first.passing,
        )
    return made


def _named(models: Mapping[str, PublishedModel]) -> dict[str, Named]:
    """What belongs to each fixed key."""
    return {
        fixed_key(name, item.month, model.stored_by): Named(item=item, source=object_key(name, item, model.stored_by))
        for name, model in models.items()
        for item in model.objects
    }


def _etag(listing: Listing, key: str) -> str:
    return listing[key].etag if key in listing else ""
