"""Local copies of stored objects, verified by checksum: every read whose rows are written again uses them.

    StoredObject ──▶ LocalCopies ──▶ a file below the folder of a run, under the object's key

DuckDB reads ``s3://`` itself and verifies no checksum: a bit flipped on the way would be written again.
"""

import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

from refera_platform.lake.lake import RawObject, state_objects
from refera_platform.lake.objects import ObjectRoot, StoredObject

COPIES_FOLDER = "copies"
MAX_PARALLEL_DOWNLOADS = 8
"""Downloads at the same time: most objects are small, and each waits for the store."""

NO_CHECKSUMS: Mapping[str, str] = {}


class LocalCopies:
    """Copies below one local folder; each object is downloaded once."""

    def __init__(self, objects: ObjectRoot, folder: Path) -> None:
        self._objects = objects
        self._folder = folder / COPIES_FOLDER

    def paths(self, etags: Mapping[str, str], sha256: Mapping[str, str] = NO_CHECKSUMS) -> dict[str, str]:
        """Download objects; return the local file of each, by key.

        Args:
            etags: ETag that each object was listed with, by key; empty for a name whose content never changes.
            sha256: Expected SHA-256 by key; by default that in the object's metadata.

        Raises:
            DamagedError: when the bytes of an object are not those that were written.
            LakeError: when an object cannot be read.
        """
        files = {key: self._folder / (etag.strip('"') or "named") / key for key, etag in etags.items()}
        with ThreadPoolExecutor(MAX_PARALLEL_DOWNLOADS) as pool:
            downloads = [
                pool.submit(self._objects.download, key, path, etag=etags[key], sha256=sha256.get(key, ""))
                for key, path in files.items()
                if not path.exists()
            ]
        for download in downloads:
            download.result()
        return {key: str(path) for key, path in files.items()}

    def path_of(self, item: StoredObject) -> str:
        """Download one object; return its local file."""
        return self.paths({item.key: item.etag})[item.key]

    def days_with_copies(self, days: Mapping[date, RawObject], needed: Iterable[RawObject]) -> dict[date, RawObject]:
        """The days of a table; the needed objects with the paths of their copies as addresses."""
        paths = self.paths({item.stored.key: item.stored.etag for item in needed})
        return {
            day: replace(item, stored=replace(item.stored, url=paths.get(item.stored.key, item.stored.url)))
            for day, item in days.items()
        }

    def state_with_copies(self, days: Mapping[date, RawObject]) -> dict[date, RawObject]:
        """The days of a table; the objects of its current state with the paths of their copies as addresses."""
        return self.days_with_copies(days, state_objects(days))

    def discard(self) -> None:
        """Remove the copies from the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)
