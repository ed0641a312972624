"""What a store's refusals are called, and what each means to a person."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.errors import LakeError, OvertakenError

CONFLICT_CODES = frozenset({"ConditionalRequestConflict", "409"})
"""The store was in the midst of another write of the object, and wants to be asked again."""
OVERTAKEN_CODES = frozenset({"PreconditionFailed", "412", *CONFLICT_CODES})
UPLOAD_GONE_CODES = frozenset({"NoSuchUpload"})
"""Also the answer to the last request of a multipart upload that was carried out before."""
ABSENT_CODES = frozenset({"NoSuchKey", "404"})


def s3_error_code(refusal: ClientError) -> str:
    """What the store calls the reason."""
    return str(refusal.response.get("Error", {}).get("Code", "?"))


@contextmanager
def translate_s3_errors(url: str, *, consequence: str = "so this one wrote nothing") -> Iterator[None]:
    """Let a person read what a store refused, or that it does not answer.

    Args:
        url: What is read or written.
        consequence: What follows when somebody else wrote it.

    Raises:
        OvertakenError: when somebody else wrote it.
        LakeError: for every other refusal.
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
