"""Settings of the runner: whether this process or a function on AWS Lambda, with the same code, reads the source."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from refera_platform.errors import SettingError

FUNCTION_PATTERN = re.compile(r"[A-Za-z0-9_:-]{1,170}")
BUCKET_PATTERN = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?")
DEFAULT_CHUNK_ROWS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """Where an ingest run reads the source."""

    is_lambda: bool = False
    function_name: str = ""
    """Name or ARN of the function that reads the source."""
    messages_bucket: str = ""
    """Bucket through which the function returns its results; in the function, the only bucket for them."""
    chunk_rows: int = DEFAULT_CHUNK_ROWS
    """Most rows that one call of the function reads of a snapshot."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "RunnerSettings":
        """Read the runner from environment variables.

        Raises:
            SettingError: for a variable that is missing or malformed.
        """
        kind = env.get("REFERA_RUNNER") or "local"
        if kind not in {"local", "lambda"}:
            raise SettingError(f"REFERA_RUNNER={kind!r} is not a runner:", "choose local or lambda.")
        text = env.get("REFERA_PIECE_ROWS") or str(DEFAULT_CHUNK_ROWS)
        if not re.fullmatch(r"[1-9]\d{0,9}", text):
            raise SettingError(
                f"REFERA_PIECE_ROWS={text!r} is not a number of rows:", f"write one like {DEFAULT_CHUNK_ROWS}."
            )
        function, messages = env.get("REFERA_LAMBDA_EXTRACT") or "", env.get("REFERA_MESSAGES") or ""
        bucket = BUCKET_PATTERN.fullmatch(messages)
        if messages and bucket is None:
            raise SettingError(f"REFERA_MESSAGES={messages!r} is not a bucket:", "write it as s3://bucket.")
        if kind == "local":
            return cls(messages_bucket=bucket[1] if bucket else "", chunk_rows=int(text))
        if not FUNCTION_PATTERN.fullmatch(function):
            raise SettingError(
                f"REFERA_LAMBDA_EXTRACT={function!r} is not the name or ARN of a function:",
                "REFERA_RUNNER=lambda needs the one that reads the source (Terraform's output extract_function).",
            )
        if bucket is None:
            raise SettingError(
                "REFERA_RUNNER=lambda needs REFERA_MESSAGES:",
                "name the bucket that its messages come through, written as s3://bucket.",
            )
        return cls(is_lambda=True, function_name=function, messages_bucket=bucket[1], chunk_rows=int(text))
