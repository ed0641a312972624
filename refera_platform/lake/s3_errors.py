"""S3 error codes, and their translation into errors with a next step. Makes no request: ``objects`` does."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.errors import LakeError, OvertakenError

CONFLICT_CODES = frozenset({"ConditionalRequestConflict", "409"})
"""Another write of the object was under way; the request may be tried again."""
OVERTAKEN_CODES = frozenset({"PreconditionFailed", "412", *CONFLICT_CODES})
UPLOAD_GONE_CODES = frozenset({"NoSuchUpload"})
"""Also the answer to a repeated last request of a multipart upload that had succeeded."""
ABSENT_CODES = frozenset({"NoSuchKey", "404"})


def s3_error_code(refusal: ClientError) -> str:
    """The error code in the store's answer; ``?`` without one."""
    return str(refusal.response.get("Error", {}).get("Code", "?"))


@contextmanager
def translate_s3_errors(url: str, *, consequence: str = "so this one wrote nothing") -> Iterator[None]:
    """Translate errors of boto3 in the block into errors of this package.

    Args:
        url: Address of the object that is read or written.
        consequence: Text of what follows when another run wrote it.

    Raises:
        OvertakenError: when another run wrote it.
        LakeError: for every other refusal, and for a store that does not answer.
    """
    try:
        yield
    except ClientError as error:
        if s3_error_code(error) in OVERTAKEN_CODES:
            raise OvertakenError(f"Another run wrote {url} meanwhile, {consequence}:", "run it again.") from None
        message = error.response.get("Error", {}).get("Message", "")
        raise LakeError(
            f"S3 refused {error.operation_name} of {url} ({s3_error_code(error)}: {message.rstrip('.')}):",
            "check that the bucket exists and what the credentials may do there.",
        ) from None
    except BotoCoreError as error:
        raise LakeError(
            f"S3 could not be reached for {url} ({error}):",
            "check the endpoint and the credentials.",
        ) from None
