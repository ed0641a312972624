"""Local copies of stored objects whose bytes were compared with their checksum: what all that is written on reads.

    StoredObject ──▶ LocalCopies ──▶ a file below the folder of a pass, under the object's key

DuckDB reads ``s3://`` by itself and compares nothing: one bit that is flipped on the way would be written on.
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
"""Downloads under way at once: most objects are small, and each waits for the store."""

NO_CHECKSUMS: Mapping[str, str] = {}


class LocalCopies:
    """Copies below one local folder; an object is received once, however often it is asked for."""

    def __init__(self, objects: ObjectRoot, folder: Path) -> None:
        self._objects = objects
        self._folder = folder / COPIES_FOLDER

    def paths(self, etags: Mapping[str, str], sha256: Mapping[str, str] = NO_CHECKSUMS) -> dict[str, str]:
        """The file of each object, by key.

        Args:
            etags: ETag that each object was listed with, by key; empty for a name whose content never changes.
            sha256: What their bytes must hash to, by key; without it what each object says of itself.

        Raises:
            LakeError: when the bytes of one are not those that were written, or it cannot be read.
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
        """The file of one object, as it was listed."""
        return self.paths({item.key: item.etag})[item.key]

    def days_with_copies(self, days: Mapping[date, RawObject], needed: Iterable[RawObject]) -> dict[date, RawObject]:
        """The days of a table, those that are needed with the addresses of their copies."""
        paths = self.paths({item.stored.key: item.stored.etag for item in needed})
        return {
            day: replace(item, stored=replace(item.stored, url=paths.get(item.stored.key, item.stored.url)))
            for day, item in days.items()
        }

    def state_with_copies(self, days: Mapping[date, RawObject]) -> dict[date, RawObject]:
        """The days of a table, those that its current state is read from with the addresses of their copies."""
        return self.days_with_copies(days, state_objects(days))

    def discard(self) -> None:
        """Free the disk of what was received."""
        shutil.rmtree(self._folder, ignore_errors=True)
