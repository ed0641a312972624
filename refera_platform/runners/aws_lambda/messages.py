"""JSON messages of the Lambda function to its caller: table results, and answers of its other operations.

IngestResult | IngestFailure | PendingChunks ──▶ result_to_json() ──▶ JSON ──▶ result_from_json() ──▶ the same

The types declare what is sent, under the keys that deployed versions read. Leaves out the days that a table has in the
lake: the receiver reads them from there. Sends nothing: ``reporter`` does.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

from msgspec import Struct

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.result import IngestedDay, IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.json_codec import decode_values, encode_values
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import SchemaChange
from refera_platform.reconcile.result import ReconcileResult
from refera_platform.source.table import SourceTable

T = TypeVar("T")
TableResult = IngestResult | IngestFailure | PendingChunks


class TableMessage(Struct, frozen=True, kw_only=True, tag_field="came"):
    """The result of one table."""

    table: str
    """Address of the table."""


class FailureMessage(TableMessage, frozen=True, kw_only=True, tag="refused", rename={"error": "trouble"}):
    """A table that could not be ingested."""

    error: ReferaError


class ChunksMessage(
    TableMessage,
    frozen=True,
    kw_only=True,
    tag="in_pieces",
    rename={"plan_id": "plan", "missing_numbers": "missing", "chunk_count": "count"},
):
    """A table whose chunks are read first."""

    plan_id: str
    missing_numbers: tuple[int, ...]
    chunk_count: int


class DayMessage(Struct, frozen=True, kw_only=True, rename={"size_bytes": "bytes"}):
    """One day of an ingested table."""

    day: date
    state: Any
    """As in the footer of the day's object."""
    url: str
    added: dict[str, int]
    size_bytes: int


class IngestMessage(
    TableMessage,
    frozen=True,
    kw_only=True,
    tag="captured",
    rename={
        "ingested_days": "filled",
        "schema_change": "altered",
        "changed_rows_by_day": "volumes",
        "unseen_days": "unseen",
        "unchanged_days": "kept",
        "duplicate_rows": "rows_twice",
        "reconcile_result": "reconciled",
        "unreadable_parents": "unwatched",
    },
):
    """An ingested table."""

    ingested_days: tuple[DayMessage, ...]
    schema_change: SchemaChange
    changed_rows_by_day: Mapping[date, int]
    unseen_days: tuple[date, ...]
    unchanged_days: tuple[date, ...]
    source_rows: int | None
    lake_rows: int
    duplicate_rows: int
    reconcile_result: ReconcileResult
    seconds: float
    is_settled: bool
    unreadable_parents: tuple[str, ...]


ANY_TABLE_MESSAGE: Any = IngestMessage | FailureMessage | ChunksMessage
DAY_FIELDS = ("day", "url", "size_bytes")
CHUNKS_FIELDS = ("plan_id", "missing_numbers", "chunk_count")
RESULT_FIELDS = tuple(name for name in IngestMessage.__struct_fields__ if name not in {"table", "ingested_days"})
"""Fields that are sent as they are."""


def result_to_json(table_result: TableResult) -> dict[str, Any]:
    """Encode the result of one table."""
    address = table_result.table.address
    message: TableMessage
    match table_result:
        case IngestResult():
            days = tuple(
                DayMessage(state=json.loads(each.state.to_json()), added=dict(each.added), **_values(each, DAY_FIELDS))
                for each in table_result.ingested_days
            )
            message = IngestMessage(table=address, ingested_days=days, **_values(table_result, RESULT_FIELDS))
        case IngestFailure():
            message = FailureMessage(table=address, error=table_result.error)
        case PendingChunks():
            message = ChunksMessage(table=address, **_values(table_result, CHUNKS_FIELDS))
    return dict(encode_values(message))


def result_from_json(content: Any, tables: Mapping[str, SourceTable]) -> TableResult:
    """Decode the result of one table.

    Args:
        content: Output of ``result_to_json``.
        tables: The requested tables, by address.

    Raises:
        LakeError: when the content is something else.
    """
    message: TableMessage = decode_message(content, ANY_TABLE_MESSAGE)
    table = tables.get(message.table)
    match message:
        case IngestMessage() if table:
            days = tuple(
                IngestedDay(
                    state=RawState.from_json(json.dumps(each.state), each.url),
                    added=each.added,
                    **_values(each, DAY_FIELDS),
                )
                for each in message.ingested_days
            )
            return IngestResult(table=table, ingested_days=days, **_values(message, RESULT_FIELDS))
        case FailureMessage() if table:
            return IngestFailure(table=table, error=message.error)
        case ChunksMessage() if table:
            return PendingChunks(table=table, **_values(message, CHUNKS_FIELDS))
    raise _unknown_message_error(content)


def decode_message(content: Any, kind: type[T]) -> T:
    """Decode parsed JSON that ``encode_values`` made of a value.

    Raises:
        LakeError: when the content is something else.
    """
    try:
        return decode_values(content, kind)
    except ValueError as error:
        raise _unknown_message_error(content) from error


def _values(item: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}


def _unknown_message_error(content: Any) -> LakeError:
    keys = sorted(map(str, content))[:9] if isinstance(content, Mapping) else type(content).__name__
    return LakeError(
        f"The function sent a message that this version does not understand ({keys}):",
        "let the function and this process run the same version.",
    )
