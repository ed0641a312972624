"""What a function says of itself: one JSON object a line, which CloudWatch can search, and never a secret."""

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from refera_platform.duckdb_session.secrets import redact
from refera_platform.settings.stage import Stage


class JsonLogger:
    """The lines of one call."""

    def __init__(self, function: str, request_id: str) -> None:
        self._common_fields = {"function": function, "request_id": request_id}
        self.secrets: list[str] = []
        """Values that no line may hold."""

    def hide(self, secrets: Iterable[str]) -> None:
        """Values that no line may hold."""
        self.secrets += [secret for secret in secrets if secret]

    def info(self, message: str, **details: Any) -> None:
        """What happened."""
        self._write("INFO", message, details)

    def error(self, message: str, **details: Any) -> None:
        """What went wrong."""
        self._write("ERROR", message, details)

    def _write(self, level: str, message: str, details: dict[str, Any]) -> None:
        line = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "message": message,
            **self._common_fields,
            **details,
        }
        sys.stdout.write(redact(json.dumps(line, ensure_ascii=False, default=str), self.secrets) + "\n")
        sys.stdout.flush()


def stage_secrets(stage: Stage) -> list[str]:
    """What of a stage must never be told."""
    return [
        stage.store.secret_key,
        stage.hash_key.decode(errors="replace"),
        *(database.password for database in stage.databases.values()),
    ]


def quiet_libraries() -> None:
    """Libraries say what goes wrong, and not each request; Lambda's own handler writes what they say."""
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
