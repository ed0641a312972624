"""Objects below one ``s3://bucket/prefix``: listed, read whole, and replaced in one atomic, conditional request.

A reader sees the old object or the new one. Two writers cannot both win: the server refuses the second one (If-Match /
If-None-Match). Each object has the SHA-256 of its bytes as metadata; reads compare it with the bytes they receive.
"""

import base64
import hashlib
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from refera_platform.aws import s3_client
from refera_platform.errors import DamagedError
from refera_platform.lake.s3_errors import (
    ABSENT_CODES,
    CONFLICT_CODES,
    OVERTAKEN_CODES,
    UPLOAD_GONE_CODES,
    s3_error_code,
    translate_s3_errors,
)
from refera_platform.settings.object_store import ObjectStore

MAX_SINGLE_PUT_BYTES = 1 << 30
"""Bytes up to which an object is sent in one request; S3 takes five times as many."""
MAX_SINGLE_COPY_BYTES = 5 << 30
"""Bytes up to which S3 copies an object in one request."""
UPLOAD_PART_BYTES = 256 << 20
"""Bytes of one part of a multipart upload: ten thousand of them are S3's 2.5 TiB."""
MAX_TRIES = 3
"""Tries of a write that met a conflict, and of a read whose bytes were damaged on the way."""
SHA256_METADATA_KEY = "sha256"
"""Metadata of an object: the SHA-256 of its bytes, in hexadecimal."""
DOWNLOAD_CHUNK_BYTES = 1 << 20
"""Bytes of an object that are in memory at once while it is received."""


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object as the store lists it."""

    key: str
    """Key below the root, without a leading slash."""
    url: str
    """``s3://…`` address."""
    size_bytes: int
    """Bytes."""
    etag: str
    modified_at: datetime
    """UTC instant by the store's clock."""


class ObjectRoot:
    """All objects below ``root``; creating it makes no request."""

    def __init__(
        self,
        root: str,
        store: ObjectStore,
        *,
        max_attempts: int = 4,
        read_timeout_seconds: float = 60,
        max_single_put_bytes: int = MAX_SINGLE_PUT_BYTES,
    ) -> None:
        self.root = root
        self._max_single_put_bytes = max_single_put_bytes
        self._bucket, _, prefix = root.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client: Any = s3_client(store, max_attempts=max_attempts, read_timeout_seconds=read_timeout_seconds)

    def url(self, key: str) -> str:
        """The ``s3://`` address of a key."""
        return f"{self.root}/{key}"

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose key begins with ``prefix``, in the order of their keys."""
        with translate_s3_errors(self.url(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    yield StoredObject(
                        key=key,
                        url=self.url(key),
                        size_bytes=item["Size"],
                        etag=item["ETag"],
                        modified_at=item["LastModified"],
                    )

    def read(self, key: str) -> tuple[bytes, str] | None:
        """The bytes and the ETag of a small object, or ``None`` when there is none.

        Raises:
            LakeError: when the bytes are not those that were written, or the store refuses.
        """
        content = io.BytesIO()
        with translate_s3_errors(self.url(key)):
            try:
                etag = self._receive(key, content)
            except self._client.exceptions.NoSuchKey:
                return None
        return content.getvalue(), etag

    def download(self, key: str, path: Path, *, etag: str = "", sha256: str = "") -> None:
        """Download an object into a local file, which appears only when its checksum is right.

        Args:
            key: Key below the root.
            path: The file; its folder is made.
            etag: ETag that the object was listed with; empty for a name whose content never changes.
            sha256: Expected SHA-256; empty for that in the object's metadata. Objects of earlier versions have none,
                and are compared with the store's own checksum when there is one.

        Raises:
            LakeError: when the bytes are not those that were written, the object was replaced, or the store refuses.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        with translate_s3_errors(self.url(key), consequence="so it cannot be read as it was listed"):
            with partial.open("wb") as content:
                self._receive(key, content, etag=etag, sha256=sha256)
            partial.replace(path)

    def sha256(self, key: str) -> str:
        """The SHA-256 that an object was written with; empty when it has none, or is not there."""
        with translate_s3_errors(self.url(key)):
            return _sha256_of(self._head({"Bucket": self._bucket, "Key": self._prefix + key}))

    def put(self, key: str, path: Path, *, replaces: str | None) -> str:
        """Put a local file onto ``key`` in one atomic step, and return its new ETag.

        After a refused write the object's checksum is read. If it has the same bytes, the write counts as done: either
        the answer to an earlier try was lost, or another run wrote the same.

        Args:
            key: Key below the root.
            path: The complete, verified file.
            replaces: ETag of the object that was read before; ``None`` when there was none.

        Raises:
            OvertakenError: when another writer was first, with other bytes.
            LakeError: when the store refuses.
        """
        condition = {"IfMatch": replaces} if replaces else {"IfNoneMatch": "*"}
        target = {"Bucket": self._bucket, "Key": self._prefix + key}
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256")
        with translate_s3_errors(self.url(key)):
            for tries_left in reversed(range(MAX_TRIES)):
                try:
                    return self._send(target, path, digest.digest(), condition)
                except ClientError as refusal:
                    if s3_error_code(refusal) not in OVERTAKEN_CODES | UPLOAD_GONE_CODES:
                        raise
                    current = self._head(target)
                    if _sha256_of(current) == digest.hexdigest():
                        return str(current["ETag"])
                    if (
                        not tries_left
                        or s3_error_code(refusal) not in CONFLICT_CODES
                        or current.get("ETag") != replaces
                    ):
                        raise
        raise AssertionError("the last try returns or raises")

    def write(self, key: str, content: bytes, *, content_type: str = "") -> str:
        """Replace a small object unconditionally, in one atomic step."""
        with translate_s3_errors(self.url(key)):
            return str(
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=content,
                    **_checksums(hashlib.sha256(content).digest()),
                    **({"ContentType": content_type} if content_type else {}),
                )["ETag"]
            )

    def copy(self, source: str, key: str, *, replaces: str | None, size_bytes: int = 0) -> str:
        """Copy one key onto another inside the store, in one atomic step; return the new ETag.

        A copy that the store carries out late meets another object then, and is refused. A copy of more than one
        request is made without a condition.

        Args:
            source: Key of the object to copy.
            key: Key of the copy.
            replaces: ETag of the object at ``key``; ``None`` when there is none.
            size_bytes: Size of the object, if it may be more than one request can copy.

        Raises:
            OvertakenError: when another object is at ``key`` by now.
        """
        with translate_s3_errors(self.url(key)):
            origin = {"Bucket": self._bucket, "Key": self._prefix + source}
            target = {"Bucket": self._bucket, "Key": self._prefix + key}
            if size_bytes <= MAX_SINGLE_COPY_BYTES:
                condition = {"IfMatch": replaces} if replaces else {"IfNoneMatch": "*"}
                answer = self._client.copy_object(**target, CopySource=origin, **condition)
                # a store may leave out the quotes that it lists the object with
                return '"' + str(answer["CopyObjectResult"]["ETag"]).strip('"') + '"'
            self._client.copy(origin, self._bucket, self._prefix + key)
            return str(self._client.head_object(**target)["ETag"])

    def remove(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        with translate_s3_errors(self.url(key)):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _send(self, target: dict[str, str], path: Path, sha256: bytes, condition: dict[str, str]) -> str:
        """Write a local file under a condition; return the ETag."""
        if path.stat().st_size > self._max_single_put_bytes:
            return self._put_parts(target, path, sha256.hex(), condition)
        with path.open("rb") as body:
            answer = self._client.put_object(**target, Body=body, **_checksums(sha256), **condition)
        return str(answer["ETag"])

    def _put_parts(self, target: dict[str, str], path: Path, sha256: str, condition: dict[str, str]) -> str:
        """Write a file by multipart upload: invisible to readers until its last request, aborted when it fails."""
        begun = self._client.create_multipart_upload(**target, Metadata={SHA256_METADATA_KEY: sha256})
        upload = {**target, "UploadId": begun["UploadId"]}
        parts: list[dict[str, Any]] = []
        try:
            with path.open("rb") as body:
                while chunk := body.read(UPLOAD_PART_BYTES):
                    number = len(parts) + 1
                    etag = self._client.upload_part(**upload, PartNumber=number, Body=chunk)["ETag"]
                    parts.append({"PartNumber": number, "ETag": etag})
            completed = self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
        except (BotoCoreError, ClientError):
            with suppress(ClientError):  # the upload is complete already when only its last answer was lost
                self._client.abort_multipart_upload(**upload)
            raise
        return str(completed["ETag"])

    def _head(self, target: dict[str, str]) -> dict[str, Any]:
        """The store's answer to HEAD; empty when there is no object."""
        try:
            return dict(self._client.head_object(**target))
        except ClientError as refusal:
            if s3_error_code(refusal) in ABSENT_CODES:
                return {}
            raise

    def _receive(self, key: str, content: IO[bytes], *, etag: str = "", sha256: str = "") -> str:
        """Receive a whole object, again when its bytes were damaged on the way; return the ETag.

        Raises:
            DamagedError: when the checksum differs in every try.
        """
        condition = {"IfMatch": etag} if etag else {}
        for tries_left in reversed(range(MAX_TRIES)):
            content.seek(0)
            content.truncate()
            digest = hashlib.sha256()
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **condition)
            try:
                for chunk in answer["Body"].iter_chunks(DOWNLOAD_CHUNK_BYTES):
                    digest.update(chunk)
                    content.write(chunk)
            except FlexibleChecksumError:
                continue
            except BotoCoreError:  # the connection was lost
                if not tries_left:
                    raise
                continue
            if (sha256 or _sha256_of(answer)) in ("", digest.hexdigest()):
                return str(answer["ETag"])
        raise DamagedError(
            f"The bytes of {self.url(key)} are not those that were written: their checksum differs, {MAX_TRIES} times"
            " in a row.",
            "Run it again; if it stays, the store has damaged the object: put back an earlier version of it, or move it"
            " away and write it again (`refera resnapshot` for a raw table, `refera run --full-refresh` for a published"
            " one).",
        )


def _checksums(sha256: bytes) -> dict[str, Any]:
    """Checksum parameters of a write: for the store, which refuses other bytes, and as metadata for readers."""
    return {"ChecksumSHA256": base64.b64encode(sha256).decode(), "Metadata": {SHA256_METADATA_KEY: sha256.hex()}}


def _sha256_of(answer: dict[str, Any]) -> str:
    """The SHA-256 in an object's metadata; empty for an object of earlier versions, or for none."""
    return str(answer.get("Metadata", {}).get(SHA256_METADATA_KEY, ""))
