"""Objects below one ``s3://bucket/prefix``: listed, read whole, and replaced in one atomic, conditional step.

A reader sees the old object or the new one. A writer that was overtaken by another is told so by the server
(If-Match / If-None-Match), never by a lost row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.engine import client
from refera_platform.errors import LakeError
from refera_platform.stage import ObjectStore

SINGLE_PUT = 1 << 30
"""Bytes up to which an object travels in one request; S3 takes five times as many."""
PART = 256 << 20
"""Bytes of one part of a multipart upload: ten thousand of them are S3's 2.5 TiB."""
OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object as the store lists it."""

    key: str
    """Key below the root, without a leading slash."""
    url: str
    """``s3://…`` address that any engine can read."""
    size: int
    """Bytes."""
    etag: str
    modified: datetime
    """UTC instant of the store."""


class ObjectRoot:
    """Everything below ``root``; no request is made before it is asked for something."""

    def __init__(self, root: str, store: ObjectStore) -> None:
        self.root = root
        self._bucket, _, prefix = root.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client: Any = client(store)

    def url(self, key: str) -> str:
        """The ``s3://`` address of a key."""
        return f"{self.root}/{key}"

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose key begins with ``prefix``, in the order of their keys."""
        with self._explained(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    yield StoredObject(
                        key=key, url=self.url(key), size=item["Size"], etag=item["ETag"], modified=item["LastModified"]
                    )  # fmt: skip

    def read(self, key: str) -> tuple[bytes, str] | None:
        """The bytes and the ETag of a small object, or ``None`` when there is none."""
        with self._explained(key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except self._client.exceptions.NoSuchKey:
                return None
            return answer["Body"].read(), answer["ETag"]

    def put(self, key: str, path: Path, *, replaces: str | None) -> str:
        """Put a local file onto ``key`` in one atomic step, and say its new ETag.

        Args:
            key: Key below the root.
            path: The complete, verified file.
            replaces: ETag of the object that was read before; ``None`` when there was none.

        Raises:
            LakeError: when another writer was there first, or the store refuses.
        """
        condition = {"IfMatch": replaces} if replaces else {"IfNoneMatch": "*"}
        target = {"Bucket": self._bucket, "Key": self._prefix + key}
        with self._explained(key):
            if path.stat().st_size > SINGLE_PUT:
                return self._put_parts(target, path, condition)
            with path.open("rb") as body:
                return str(self._client.put_object(**target, Body=body, **condition)["ETag"])

    def write(self, key: str, content: bytes, *, content_type: str = "") -> str:
        """Replace a small object unconditionally, in one atomic step."""
        with self._explained(key):
            return str(
                self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + key, Body=content,
                    **({"ContentType": content_type} if content_type else {}),
                )["ETag"]
            )  # fmt: skip

    def copy(self, source: str, key: str) -> str:
        """Copy one key onto another inside the store, in one atomic step."""
        with self._explained(key):
            origin = {"Bucket": self._bucket, "Key": self._prefix + source}
            self._client.copy(origin, self._bucket, self._prefix + key)
            return str(self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)["ETag"])

    def remove(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with self._explained(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _put_parts(self, target: dict[str, str], path: Path, condition: dict[str, str]) -> str:
        """A multipart upload: invisible to readers until its last request, removed when it fails."""
        upload = {**target, "UploadId": self._client.create_multipart_upload(**target)["UploadId"]}
        parts: list[dict[str, Any]] = []
        try:
            with path.open("rb") as body:
                while chunk := body.read(PART):
                    number = len(parts) + 1
                    etag = self._client.upload_part(**upload, PartNumber=number, Body=chunk)["ETag"]
                    parts.append({"PartNumber": number, "ETag": etag})
            done = self._client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": parts}, **condition
            )
        except (BotoCoreError, ClientError):
            self._client.abort_multipart_upload(**upload)
            raise
        return str(done["ETag"])

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as trouble:
            code = str(trouble.response.get("Error", {}).get("Code", "?"))
            if code in OVERTAKEN:
                raise LakeError(
                    f"Another run wrote {self.url(key)} meanwhile, so this one wrote nothing:",
                    "run it again.",
                ) from None
            said = trouble.response.get("Error", {}).get("Message", "")
            raise LakeError(
                f"S3 refused {trouble.operation_name} of {self.url(key)} ({code}: {said.rstrip('.')}):",
                "check that the bucket exists and what the credentials may do there.",
            ) from None
        except BotoCoreError as trouble:
            raise LakeError(
                f"S3 could not be reached for {self.url(key)} ({trouble}):",
                "check the endpoint and the credentials.",
            ) from None
