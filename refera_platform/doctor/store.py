"""Preflight checks of the object store, clocks and disk: read, write, conditional writes, clock skew, free space.

Stage ──▶ examine_store(), examine_clock(), examine_free_disk() ──▶ findings; no object stays behind
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.aws import s3_client
from refera_platform.errors import LakeError
from refera_platform.lake.layout import STAGING_PREFIX
from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.object_store import ObjectStore
from refera_platform.source.doctor.finding import Finding, error_finding, failure_finding, ok_finding, warning_finding

STORE_TIMEOUT_SECONDS = 5.0
"""Seconds that a check waits for an answer of the store; it asks once."""
MARKER_PREFIX = f"{STAGING_PREFIX}doctor"
"""Folder below a root in which a check writes and removes one object."""
UNUSED_ETAG = '"00000000000000000000000000000000"'
"""An ETag that no object of ours has."""
WARN_CLOCK_SKEW = timedelta(minutes=1)
"""With a larger skew, rows around midnight get the wrong day."""
FAIL_CLOCK_SKEW = timedelta(minutes=10)
"""S3 refuses signatures at a skew of fifteen minutes."""
MIN_FREE_BYTES = 256 << 20
"""Bytes that a DuckDB session needs to spill."""


def examine_store(root: str, store: ObjectStore, name: str, folder: Path) -> list[Finding]:
    """Check a root: write one object, overwrite it under conditions, read it and remove it.

    Args:
        root: ``s3://bucket/prefix``.
        store: How to reach it.
        name: Name of the root in the findings.
        folder: Local folder for two small files.
    """
    objects = ObjectRoot(root, store, max_attempts=1, read_timeout_seconds=STORE_TIMEOUT_SECONDS)
    key = f"{MARKER_PREFIX}/{uuid.uuid4().hex}"
    first, second = folder / "first-marker", folder / "second-marker"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    try:
        next(objects.list(f"{MARKER_PREFIX}/"), None)
        findings = [ok_finding(f"{name}: list", f"Objects of {root} can be listed.")]
    except LakeError as error:
        return [error_finding(f"{name}: list", error)]
    try:
        etag = objects.put(key, first, replaces=None)
    except LakeError as error:
        return [*findings, error_finding(f"{name}: write", error)]
    try:
        findings.append(ok_finding(f"{name}: write", f"Objects of {root} can be written."))
        for condition in (None, UNUSED_ETAG):
            with suppress(LakeError):
                objects.put(key, second, replaces=condition)
        stored = objects.read(key)
        if stored is None or stored[0] != b"first":
            findings.append(
                failure_finding(
                    f"{name}: one writer at a time",
                    f"The store of {root} overwrites an object although the request forbids it"
                    " (If-Match, If-None-Match).",
                    "use a store or a version of it that honours conditional writes, or never run twice at once.",
                )
            )
        else:
            objects.put(key, second, replaces=etag)
            findings.append(ok_finding(f"{name}: one writer at a time", "Conditional writes are honoured."))
        objects.remove(key)
        if objects.read(key) is not None:
            raise LakeError(f"{objects.url(key)} still exists after it was removed:", "remove it by hand.")
    except LakeError as error:
        findings.append(error_finding(f"{name}: replace and remove", error))
    return findings


def store_clock(root: str, store: ObjectStore) -> datetime | None:
    """The time at the store, from the ``Date`` header of an answer; ``None`` without one."""
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    try:
        answer = s3_client(store, max_attempts=1, read_timeout_seconds=STORE_TIMEOUT_SECONDS).list_objects_v2(
            Bucket=bucket, Prefix=f"{prefix}/{MARKER_PREFIX}", MaxKeys=1
        )
    except (BotoCoreError, ClientError):
        return None  # examine_store reports a store that does not answer
    date_header = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date_header).astimezone(UTC) if date_header else None


def examine_clock(name: str, their_time: datetime, our_time: datetime) -> Finding:
    """Compare two clocks that were read at the same time."""
    about, skew = f"{name}: clock", abs(their_time - our_time)
    skew_text = f"Its clock and that of this machine are {skew.total_seconds():.0f} s apart"
    remedy = "let both machines follow a time server (NTP)."
    if skew >= FAIL_CLOCK_SKEW:
        return failure_finding(about, f"{skew_text}.", remedy)
    if skew >= WARN_CLOCK_SKEW:
        return warning_finding(about, f"{skew_text}, so rows around midnight land on the wrong day.", remedy)
    return ok_finding(about, f"{skew_text}.")


def examine_free_disk(scratch: Path, largest: str, size_bytes: int) -> Iterator[Finding]:
    """Check whether the largest table fits into the scratch folder."""
    existing_folder = next(folder for folder in (scratch, *scratch.parents) if folder.exists())
    free_bytes = shutil.disk_usage(existing_folder).free
    about, free_text = "disk: scratch", f"{free_bytes / 1e9:.1f} GB are free in {scratch}"
    remedy = "free disk space, or set REFERA_HOME to a larger disk."
    if free_bytes < MIN_FREE_BYTES:
        yield failure_finding(about, f"{free_text}.", remedy)
    elif free_bytes < size_bytes:
        yield warning_finding(about, f"{free_text}, and {largest} has {size_bytes / 1e9:.1f} GB at the source.", remedy)
    else:
        yield ok_finding(about, f"{free_text}.")
