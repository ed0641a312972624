"""Every stored object against the checksum that it was written with: what ``refera verify`` asks of lake and warehouse.

objects below a root ──received whole──▶ SHA-256 ══ own metadata, or the manifest ──▶ the first that differs
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from refera_platform.errors import DamagedError, OvertakenError
from refera_platform.lake.layout import STAGING
from refera_platform.lake.local_copies import REQUESTS
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.publish.publication import Published, fixed_key, inputs_key, object_key

UNKNOWN: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Damage:
    """What came of looking at the objects below a root."""

    objects: int
    damaged: tuple[str, ...]
    """Keys of those whose bytes are not the ones that were written, or that are gone."""
    first: str = ""
    """A sentence about the first of them, and the next step."""


def damage(root: ObjectRoot, folder: Path, sha256: Mapping[str, str] = UNKNOWN) -> Damage:
    """Receive every object below a root and compare its bytes.

    Args:
        root: Which root.
        folder: Local folder; a file is in it as long as it is looked at.
        sha256: What is known of some objects' bytes, by key; they must be there. Without it what each object says of
            itself counts, and one of earlier versions says nothing.
    """
    found = {item.key: item.etag for item in root.list() if not item.key.startswith(STAGING)}

    def trouble_of(numbered: tuple[int, str]) -> str:
        number, key = numbered
        path = folder / f"object-{number}"
        try:
            root.download(key, path, etag=found[key], sha256=sha256.get(key, ""))
        except OvertakenError:  # it was replaced while this looks: whoever did so says what it holds
            return ""
        except DamagedError as damaged:
            return str(damaged)
        path.unlink()
        return ""

    with ThreadPoolExecutor(REQUESTS) as receiving:
        told = dict(zip(found, receiving.map(trouble_of, enumerate(found)), strict=True))
    gone = f"{root.url('')}{{}} is gone, and the manifest names it: `refera run --full-refresh` writes it anew."
    told |= {key: gone.format(key) for key in sha256 if key not in found}
    damaged = tuple(key for key, trouble in told.items() if trouble)
    return Damage(objects=len(told), damaged=damaged, first=told[damaged[0]] if damaged else "")


def named_by(published: Published) -> dict[str, str]:
    """The SHA-256 of each object that a manifest names, by key."""
    own = {
        object_key(name, item, model.stored_by): item.sha256
        for tables in (published.models, published.state)
        for name, model in tables.items()
        for item in model.objects
    }
    fixed = {
        fixed_key(name, item.month, model.stored_by): item.sha256
        for name, model in published.models.items()
        for item in model.objects
    }
    return {**own, **fixed, **({inputs_key(published.inputs): published.inputs} if published.inputs else {})}
