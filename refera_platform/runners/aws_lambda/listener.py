"""Dagster's side of a call, when there is one: what came of each table goes to it over S3, the moment it is committed.

event with Pipes' parameters ──▶ opened() ──▶ Listener.hear(came) ──▶ S3 ──▶ Dagster
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DagsterPipesError,
    PipesContext,
    PipesMappingParamsLoader,
    PipesS3MessageWriter,
    open_dagster_pipes,
)

from refera_platform.aws import s3_client
from refera_platform.errors import ReferaError, SettingError
from refera_platform.ingest.result import IngestResult
from refera_platform.runners.aws_lambda.messages import TableResult, result_to_json
from refera_platform.settings.object_store import ObjectStore

RESULT_KEY = "captured"
"""Key of the metadata that says all of a capture."""
KEY_PREFIX_PATTERN = re.compile(r"[A-Za-z]{30}")
"""What Dagster draws for each call: a folder of its own, in which nothing else can lie."""
MESSAGE_INTERVAL_SECONDS = 1.0
"""Seconds between two messages; the last one is written at once."""


class ResultReporter:
    """Somebody who is told what comes of a call; nobody, when Dagster did not make it."""

    def __init__(self, pipes: Any = None) -> None:
        self._pipes = pipes

    @property
    def is_connected(self) -> bool:
        """Whether anybody listens."""
        return self._pipes is not None

    def report(self, table_result: TableResult) -> None:
        """Tell what came of one table."""
        if self._pipes is None:
            return
        content = result_to_json(table_result)
        if isinstance(table_result, IngestResult):
            self._pipes.report_asset_materialization(
                asset_key=f"raw/{table_result.table.database}/{table_result.table.name}",
                metadata={RESULT_KEY: {"raw_value": content, "type": "json"}},
            )
        else:
            self._pipes.report_custom_message(content)


@contextmanager
def open_reporter(event: Mapping[str, Any], store: ObjectStore, bucket: str) -> Iterator[ResultReporter]:
    """Whoever listens to the call.

    Args:
        event: Whose parameters of Pipes say which call of Dagster's it is; where its messages go, only in part.
        store: How to reach S3.
        bucket: The bucket of messages, by the function's own settings; empty when it has none.

    The context of the call before must not be met again: an environment of Lambda serves many calls, and Pipes keeps
    one context for each process (dagster-io/dagster issue 22094).

    Raises:
        SettingError: when the event's parameters of Pipes cannot be read, or name another place for messages.
    """
    if DAGSTER_PIPES_CONTEXT_ENV_VAR not in event:
        yield ResultReporter()
        return
    PipesContext._instance = None
    refusal: ReferaError | None = None
    try:
        try:
            loader = PipesMappingParamsLoader(event)
            if "path" in loader.load_context_params():
                raise ValueError("they name a file of the function's")
            _require_own_bucket(loader.load_messages_params(), bucket)
            session = open_dagster_pipes(
                params_loader=loader,
                message_writer=PipesS3MessageWriter(s3_client(store), interval=MESSAGE_INTERVAL_SECONDS),
            )
        except (DagsterPipesError, ValueError, KeyError, TypeError, zlib.error) as error:
            raise SettingError(f"The event's parameters of Dagster Pipes cannot be read ({error}).") from None
        with session as pipes:
            try:
                yield ResultReporter(pipes)
            except ReferaError as error:
                # Pipes would tell what our error was made of, which may hold what our error does not
                refusal = error
        if refusal:
            raise refusal
    finally:
        PipesContext._instance = None


def _require_own_bucket(message_params: Mapping[str, Any], bucket: str) -> None:
    """Whoever calls may not choose what is written over: the bucket is ours, and the folder one that was drawn.

    Raises:
        SettingError: when the event says otherwise.
    """
    if not bucket:
        raise SettingError(
            "Dagster listens to this call, and the function has no REFERA_MESSAGES:",
            "set it to the bucket that Dagster reads them from, as s3://bucket.",
        )
    if message_params.get("bucket") != bucket or not KEY_PREFIX_PATTERN.fullmatch(
        str(message_params.get("key_prefix"))
    ):
        raise SettingError(
            f"The event wants its messages elsewhere than below a drawn prefix of s3://{bucket}:",
            "let Dagster and the function have the same REFERA_MESSAGES.",
        )
