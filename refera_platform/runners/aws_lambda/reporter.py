"""Reporter of table results to Dagster: sends each one over S3 (Dagster Pipes) as soon as it is committed.

event with Pipes parameters ──▶ open_reporter() ──▶ ResultReporter.report(result) ──▶ S3 ──▶ Dagster

``messages`` encodes the results; ``orchestration.pipes`` is the receiving side.
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
"""Metadata key that holds a whole table result."""
KEY_PREFIX_PATTERN = re.compile(r"[A-Za-z]{30}")
"""Key prefix that Dagster draws for each call: a folder of its own that nothing else uses."""
MESSAGE_INTERVAL_SECONDS = 1.0
"""Seconds between two messages; the last one is written at once."""


class ResultReporter:
    """Reporter of the results of one call; does nothing when Dagster did not make the call."""

    def __init__(self, pipes: Any = None) -> None:
        self._pipes = pipes

    @property
    def is_connected(self) -> bool:
        """Whether Dagster receives the reports."""
        return self._pipes is not None

    def report(self, table_result: TableResult) -> None:
        """Report the result of one table."""
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
    """Open the reporter of a call.

    Args:
        event: Its Pipes parameters name Dagster's call and the key prefix of its messages.
        store: How to reach S3.
        bucket: Bucket of the messages, from the function's own settings; empty when it has none.

    The context of an earlier call must not be reused: one Lambda environment serves many calls, and Pipes keeps one
    context for each process (dagster-io/dagster issue 22094).

    Raises:
        SettingError: when the Pipes parameters cannot be read, or name another bucket for messages.
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
                raise ValueError("they name a file of the function")
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
                # Pipes would report the cause of our error too, which may hold values that our error leaves out
                refusal = error
        if refusal:
            raise refusal
    finally:
        PipesContext._instance = None


def _require_own_bucket(message_params: Mapping[str, Any], bucket: str) -> None:
    """Refuse a bucket or a key prefix chosen by the caller: otherwise a caller could overwrite any object.

    Raises:
        SettingError: when the event names another bucket, or a prefix that Dagster did not draw.
    """
    if not bucket:
        raise SettingError(
            "Dagster expects messages from this call, and the function has no REFERA_MESSAGES:",
            "set it to the bucket that Dagster reads them from, as s3://bucket.",
        )
    if message_params.get("bucket") != bucket or not KEY_PREFIX_PATTERN.fullmatch(
        str(message_params.get("key_prefix"))
    ):
        raise SettingError(
            f"The event asks for messages outside of the prefixes that Dagster draws in s3://{bucket}:",
            "set the same REFERA_MESSAGES for Dagster and the function.",
        )
