"""Every stored object against the checksum that it was written with: what ``refera verify`` asks of lake and warehouse.

objects below a root ──received whole──▶ SHA-256 ══ own metadata, or the manifest ──▶ the first that differs
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from refera_platform.errors import DamagedError, OvertakenError
from refera_platform.lake.layout import STAGING_PREFIX
from refera_platform.lake.local_copies import MAX_PARALLEL_DOWNLOADS
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.publish.publication import Publication, fixed_key, inputs_key, object_key

NO_CHECKSUMS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class ChecksumResult:
    """What came of looking at the objects below a root."""

    object_count: int
    damaged_keys: tuple[str, ...]
    """Keys of those whose bytes are not the ones that were written, or that are gone."""
    first_problem: str = ""
    """A sentence about the first of them, and the next step."""


def verify_checksums(root: ObjectRoot, folder: Path, sha256: Mapping[str, str] = NO_CHECKSUMS) -> ChecksumResult:
    """Receive every object below a root and compare its bytes.

    Args:
        root: Which root.
        folder: Local folder; a file is in it as long as it is looked at.
        sha256: What is known of some objects' bytes, by key; they must be there. Without it what each object says of
            itself counts, and one of earlier versions says nothing.
    """
    etags = {item.key: item.etag for item in root.list() if not item.key.startswith(STAGING_PREFIX)}

    def problem_with(numbered: tuple[int, str]) -> str:
        number, key = numbered
        path = folder / f"object-{number}"
        try:
            root.download(key, path, etag=etags[key], sha256=sha256.get(key, ""))
        except OvertakenError:  # it was replaced while this looks: whoever did so says what it holds
            return ""
        except DamagedError as damaged:
            return str(damaged)
        path.unlink()
        return ""

    with ThreadPoolExecutor(MAX_PARALLEL_DOWNLOADS) as executor:
        problems = dict(zip(etags, executor.map(problem_with, enumerate(etags)), strict=True))
    missing_message = (
        f"{root.url('')}{{}} is gone, and the manifest names it: `refera run --full-refresh` writes it anew."
    )
    problems |= {key: missing_message.format(key) for key in sha256 if key not in etags}
    damaged_keys = tuple(key for key, problem in problems.items() if problem)
    return ChecksumResult(
        object_count=len(problems),
        damaged_keys=damaged_keys,
        first_problem=problems[damaged_keys[0]] if damaged_keys else "",
    )


def checksums_of_publication(published: Publication) -> dict[str, str]:
    """The SHA-256 of each object that a manifest names, by key."""
    object_checksums = {
        object_key(name, item, model.stored_by): item.sha256
        for tables in (published.models, published.state)
        for name, model in tables.items()
        for item in model.objects
    }
    fixed_key_checksums = {
        fixed_key(name, item.month, model.stored_by): item.sha256
        for name, model in published.models.items()
        for item in model.objects
    }
    return {
        **object_checksums,
        **fixed_key_checksums,
        **({inputs_key(published.inputs): published.inputs} if published.inputs else {}),
    }
