"""What a store's refusals are called, and what each means to a person."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.errors import LakeError, OvertakenError

CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
"""The store was in the midst of another write of the object, and wants to be asked again."""
OVERTAKEN = frozenset({"PreconditionFailed", "412", *CONFLICT})
UPLOAD_GONE = frozenset({"NoSuchUpload"})
"""Also the answer to the last request of a multipart upload that was carried out before."""
ABSENT = frozenset({"NoSuchKey", "404"})


def code(refusal: ClientError) -> str:
    """What the store calls the reason."""
    return str(refusal.response.get("Error", {}).get("Code", "?"))


@contextmanager
def explained(url: str, *, overtaken: str = "so this one wrote nothing") -> Iterator[None]:
    """Let a person read what a store refused, or that it does not answer.

    Args:
        url: What is read or written.
        overtaken: What follows when somebody else wrote it.

    Raises:
        OvertakenError: when somebody else wrote it.
        LakeError: for every other refusal.
    """
    try:
        yield
    except ClientError as trouble:
        if code(trouble) in OVERTAKEN:
            raise OvertakenError(f"Another run wrote {url} meanwhile, {overtaken}:", "run it again.") from None
        said = trouble.response.get("Error", {}).get("Message", "")
        raise LakeError(
            f"S3 refused {trouble.operation_name} of {url} ({code(trouble)}: {said.rstrip('.')}):",
            "check that the bucket exists and what the credentials may do there.",
        ) from None
    except BotoCoreError as trouble:
        raise LakeError(
            f"S3 could not be reached for {url} ({trouble}):",
            "check the endpoint and the credentials.",
        ) from None
