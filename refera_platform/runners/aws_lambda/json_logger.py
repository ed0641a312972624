"""Logger of a Lambda call: one JSON object a line, which CloudWatch can search, with secrets redacted."""

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from refera_platform.duckdb_session.secrets import redact
from refera_platform.settings.stage import Stage


class JsonLogger:
    """Logger of one call."""

    def __init__(self, function: str, request_id: str) -> None:
        self._common_fields = {"function": function, "request_id": request_id}
        self.secrets: list[str] = []
        """Values that are redacted from each line."""

    def hide(self, secrets: Iterable[str]) -> None:
        """Add values to redact from each line."""
        self.secrets += [secret for secret in secrets if secret]

    def info(self, message: str, **details: Any) -> None:
        """Write a line of level info."""
        self._write("INFO", message, details)

    def error(self, message: str, **details: Any) -> None:
        """Write a line of level error."""
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
    """Secret values of a stage."""
    return [
        stage.store.secret_key,
        stage.hash_key.decode(errors="replace"),
        *(database.password for database in stage.databases.values()),
    ]


def quiet_libraries() -> None:
    """Limit the logging of libraries to warnings; Lambda's own handler writes them."""
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
