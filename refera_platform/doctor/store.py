"""Whether the store keeps its word: it can be read and written, one writer at a time, and its clock is ours.

Stage ──▶ examine_store(), examine_clock(), examine_room() ──▶ findings; nothing stays behind
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.aws import client
from refera_platform.errors import LakeError
from refera_platform.lake.layout import STAGING
from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.object_store import ObjectStore
from refera_platform.source.doctor.finding import Finding, fail, failed, ok, warn

ANSWER_SECONDS = 5.0
"""An examination waits so long for an answer of the store, and asks once."""
MARKERS = f"{STAGING}doctor"
"""Folder below a root in which an examination writes and removes one object."""
NOBODYS = '"00000000000000000000000000000000"'
"""An ETag that no object of ours has."""
APART = timedelta(minutes=1)
"""Clocks further apart put rows into the wrong day around midnight."""
REFUSED = timedelta(minutes=10)
"""S3 refuses signatures of clocks fifteen minutes apart."""
LEAST_ROOM = 256 << 20
"""Bytes without which no session can spill."""


def examine_store(root: str, store: ObjectStore, name: str, folder: Path) -> list[Finding]:
    """Write, overwrite on condition, read and remove one object below a root.

    Args:
        root: ``s3://bucket/prefix``.
        store: How to reach it.
        name: What the root is called here.
        folder: Local folder for two small files.
    """
    objects = ObjectRoot(root, store, attempts=1, patience=ANSWER_SECONDS)
    key = f"{MARKERS}/{uuid.uuid4().hex}"
    first, second = folder / "first-marker", folder / "second-marker"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    try:
        next(objects.list(f"{MARKERS}/"), None)
        findings = [ok(f"{name}: list", f"Objects of {root} can be listed.")]
    except LakeError as trouble:
        return [failed(f"{name}: list", trouble)]
    try:
        etag = objects.put(key, first, replaces=None)
    except LakeError as trouble:
        return [*findings, failed(f"{name}: write", trouble)]
    try:
        findings.append(ok(f"{name}: write", f"Objects of {root} can be written."))
        for condition in (None, NOBODYS):
            with suppress(LakeError):
                objects.put(key, second, replaces=condition)
        there = objects.read(key)
        if there is None or there[0] != b"first":
            findings.append(
                fail(
                    f"{name}: one writer at a time",
                    f"The store of {root} overwrites an object although it was told not to (If-Match, If-None-Match).",
                    "use a store or a version of it that honours conditional writes, or never run twice at once.",
                )
            )
        else:
            objects.put(key, second, replaces=etag)
            findings.append(ok(f"{name}: one writer at a time", "Conditional writes are honoured."))
        objects.remove(key)
        if objects.read(key) is not None:
            raise LakeError(f"{objects.url(key)} is still there after it was removed:", "remove it by hand.")
    except LakeError as trouble:
        findings.append(failed(f"{name}: replace and remove", trouble))
    return findings


def store_clock(root: str, store: ObjectStore) -> datetime | None:
    """What time it is at the store; ``None`` when it does not say."""
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    try:
        answer = client(store, attempts=1, patience=ANSWER_SECONDS).list_objects_v2(
            Bucket=bucket, Prefix=f"{prefix}/{MARKERS}", MaxKeys=1
        )
    except (BotoCoreError, ClientError):
        return None  # that it cannot be asked is told by examine_store
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(told).astimezone(UTC) if told else None


def examine_clock(name: str, theirs: datetime, ours: datetime) -> Finding:
    """Two clocks beside each other, asked at the same moment."""
    about, apart = f"{name}: clock", abs(theirs - ours)
    told = f"Its clock and that of this machine are {apart.total_seconds():.0f} s apart"
    remedy = "let both machines follow a time server (NTP)."
    if apart >= REFUSED:
        return fail(about, f"{told}.", remedy)
    if apart >= APART:
        return warn(about, f"{told}, so rows around midnight land on the wrong day.", remedy)
    return ok(about, f"{told}.")


def examine_room(scratch: Path, largest: str, size: int) -> Iterator[Finding]:
    """Whether the largest table fits into the folder of files that a run makes and removes again."""
    there = next(folder for folder in (scratch, *scratch.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    about, told = "disk: scratch", f"{free / 1e9:.1f} GB are free in {scratch}"
    remedy = "free disk space, or set REFERA_HOME to a larger disk."
    if free < LEAST_ROOM:
        yield fail(about, f"{told}.", remedy)
    elif free < size:
        yield warn(about, f"{told}, and {largest} has {size / 1e9:.1f} GB at the source.", remedy)
    else:
        yield ok(about, f"{told}.")
