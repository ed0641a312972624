"""Checksum verification: downloads every object of lake and warehouse and compares it with its checksum.

Compares no rows: ``verify`` does.

objects below a root ──download──▶ SHA-256 ══ checksum in the object's metadata, or in the manifest
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from refera_platform.errors import DamagedError, OvertakenError
from refera_platform.lake.layout import STAGING_PREFIX
from refera_platform.lake.local_copies import MAX_PARALLEL_DOWNLOADS
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.publish.manifest import Publication, fixed_key, inputs_key, object_key

NO_CHECKSUMS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class ChecksumResult:
    """Result of the verification of all objects below a root."""

    object_count: int
    damaged_keys: tuple[str, ...]
    """Keys of objects that are missing, or whose bytes differ from what was written."""
    first_problem: str = ""
    """A sentence about the first of them, and the next step."""


def verify_checksums(root: ObjectRoot, folder: Path, sha256: Mapping[str, str] = NO_CHECKSUMS) -> ChecksumResult:
    """Download every object below a root and compare its checksum.

    Args:
        root: Lake or warehouse.
        folder: Local folder; each file in it is deleted once it is compared.
        sha256: Known checksums by key; these objects must exist. An object without one is compared with the checksum in
            its own metadata, which objects of earlier versions do not have.
    """
    etags = {item.key: item.etag for item in root.list() if not item.key.startswith(STAGING_PREFIX)}

    def problem_with(numbered: tuple[int, str]) -> str:
        number, key = numbered
        path = folder / f"object-{number}"
        try:
            root.download(key, path, etag=etags[key], sha256=sha256.get(key, ""))
        except OvertakenError:  # replaced during the download: the run that did so compares it
            return ""
        except DamagedError as damaged:
            return str(damaged)
        path.unlink()
        return ""

    with ThreadPoolExecutor(MAX_PARALLEL_DOWNLOADS) as executor:
        problems = dict(zip(etags, executor.map(problem_with, enumerate(etags)), strict=True))
    missing_message = (
        f"{root.url('')}{{}} does not exist, but the manifest names it: `refera run --full-refresh` writes it."
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
