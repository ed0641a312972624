"""Parser of the event of a Lambda call; validates everything, because anybody may have written the event.

{"database": "classicmodels", "tables": ["orders"], "days": ["2026-11-26"], "stage": "production"}
{"database": "classicmodels", "stage": "production", "scheduled_at": "2026-11-27T00:30:00Z"}
{"operation": "piece", "database": "classicmodels", "tables": ["orders"], "plan": "1f…", "piece": 7, "stage": …}
{"operation": "doctor", "stage": "production"}
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from refera_platform.errors import SettingError, UnavailableDayError
from refera_platform.lake.days import require_in_calendar
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

MAX_DAYS = 3660
PLAN_PATTERN = re.compile(r"[0-9a-f]{32}")
SCHEDULE_TOLERANCE = timedelta(days=1)
"""How far the instant of a schedule may be ahead of the function's clock."""


class Operation(Enum):
    """Operation of the function that reads the source."""

    INGEST = "capture"
    """Ingest days of tables; the default."""
    CHUNK = "piece"
    """Read and stage one chunk of a large table."""
    DOCTOR = "doctor"
    """Examine the preconditions of an ingest run."""
    LOG_RETENTION = "log"
    """Say how long the server keeps the change-stream position of each table."""


OPERATION_FIELDS: Mapping[Operation, frozenset[str]] = {
    Operation.INGEST: frozenset({"database", "tables", "days", "scheduled_at", "afresh"}),
    Operation.CHUNK: frozenset({"database", "tables", "plan", "piece"}),
    Operation.DOCTOR: frozenset(),
    Operation.LOG_RETENTION: frozenset({"database", "tables"}),
}
COMMON_FIELDS = frozenset({"operation", "stage"})
PIPES_FIELDS = frozenset({"DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES"})


@dataclass(frozen=True, kw_only=True)
class LambdaRequest:
    """A valid event."""

    operation: Operation
    stage: str
    database: str = ""
    tables: tuple[SourceTable, ...] = ()
    """In the order in which they are read."""
    days: tuple[date, ...] = ()
    """Oldest first; empty when ``scheduled_at`` determines them."""
    scheduled_at: datetime | None = None
    """Instant of a schedule: all missing days up to the day before it are ingested."""
    resnapshot_tables: frozenset[str] = frozenset()
    """Names of tables that get a new snapshot."""
    plan: str = ""
    chunk_number: int = 0


def parse_event(event: object, declared: Sequence[SourceTable]) -> LambdaRequest:
    """Parse and validate an event.

    Args:
        event: What Lambda was called with.
        declared: Every declared table.

    Raises:
        SettingError: naming the field that is wrong.
    """
    if not isinstance(event, dict) or not all(isinstance(name, str) for name in event):
        raise _event_error(f"it is a {type(event).__name__} and not a JSON object")
    operation = _parse_operation(event.get("operation", Operation.INGEST.value), "operation", Operation)
    given_fields = set(event) - PIPES_FIELDS
    if unknown_fields := sorted(given_fields - OPERATION_FIELDS[operation] - COMMON_FIELDS):
        allowed = ", ".join(sorted(OPERATION_FIELDS[operation] | COMMON_FIELDS))
        raise _event_error(f"it has {_abbreviate(unknown_fields[0])}, and {operation.value} takes {allowed}")
    stage = event.get("stage", "")
    if not isinstance(stage, str) or not stage:
        raise _event_error("it names no stage")
    if operation is Operation.DOCTOR:
        return LambdaRequest(operation=operation, stage=stage)
    database, tables = _parse_tables(event, declared)
    if operation is Operation.LOG_RETENTION:
        return LambdaRequest(operation=operation, stage=stage, database=database, tables=tables)
    if operation is Operation.CHUNK:
        plan, chunk_number = event.get("plan"), event.get("piece")
        if len(tables) != 1 or "tables" not in event:
            raise _event_error("a piece takes exactly one table")
        if not isinstance(plan, str) or not PLAN_PATTERN.fullmatch(plan):
            raise _event_error(f"its plan {_abbreviate(plan)} is not the name of a plan")
        if not isinstance(chunk_number, int) or isinstance(chunk_number, bool) or chunk_number < 0:
            raise _event_error(f"its piece {_abbreviate(chunk_number)} is not a number of 0 or more")
        return LambdaRequest(
            operation=operation, stage=stage, database=database, tables=tables, plan=plan, chunk_number=chunk_number
        )
    scheduled_at = _parse_instant(event["scheduled_at"]) if "scheduled_at" in event else None
    days = _parse_days(event["days"]) if "days" in event else ()
    if bool(days) == bool(scheduled_at):
        raise _event_error("it names either days or scheduled_at")
    return LambdaRequest(
        operation=operation,
        stage=stage,
        database=database,
        tables=tables,
        days=days,
        scheduled_at=scheduled_at,
        resnapshot_tables=frozenset(_parse_names(event.get("afresh", []), "afresh", {table.name for table in tables})),
    )


def require_days_in_calendar(request: LambdaRequest, stage: Stage) -> None:
    """Refuse days outside the stage's calendar, before anything is read from the source.

    Args:
        request: The request.
        stage: The stage, with its clock and first day.

    Raises:
        UnavailableDayError: naming the day or the instant.
    """
    clock, days = stage.clock, request.days
    if (instant := request.scheduled_at) is not None:
        if instant > clock.now() + SCHEDULE_TOLERANCE:
            raise UnavailableDayError(
                f"The schedule of {instant.isoformat()} is more than a day after now ({clock.now():%Y-%m-%dT%H:%M}Z):",
                "send the instant at which it is due.",
            )
        days = (instant.astimezone(ZoneInfo(clock.time_zone)).date() - timedelta(days=1),)
    require_in_calendar(days, clock, stage.first_day)


def _parse_tables(event: Mapping[str, Any], declared: Sequence[SourceTable]) -> tuple[str, tuple[SourceTable, ...]]:
    database = event.get("database")
    tables_by_name = {table.name: table for table in declared if table.database == database}
    if not tables_by_name:
        known_databases = ", ".join(sorted({table.database for table in declared}))
        raise _event_error(f"its database {_abbreviate(database)} is none of {known_databases}")
    names = _parse_names(event.get("tables", list(tables_by_name)), "tables", set(tables_by_name))
    if not names:
        raise _event_error("its list of tables is empty")
    return str(database), tuple(table for name, table in tables_by_name.items() if name in names)


def _parse_names(value: object, field: str, allowed: set[str]) -> list[str]:
    if not isinstance(value, list):
        raise _event_error(f"its {field} is a {type(value).__name__} and not a list of names")
    for name in value:
        if not isinstance(name, str) or name not in allowed:
            raise _event_error(f"its {field} names {_abbreviate(name)}, which is none of {', '.join(sorted(allowed))}")
    return value


def _parse_days(value: object) -> tuple[date, ...]:
    if not isinstance(value, list) or not value or len(value) > MAX_DAYS:
        raise _event_error(f"its days are not a list of 1 to {MAX_DAYS} days like 2026-11-26")
    days = set()
    for text in value:
        try:
            days.add(date.fromisoformat(text))
        except (TypeError, ValueError):
            raise _event_error(f"its day {_abbreviate(text)} is not one like 2026-11-26") from None
    return tuple(sorted(days))


def _parse_instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    # no time zone can move an instant of these years out of Python's range of dates
    if instant is None or instant.tzinfo is None or not 2000 <= instant.year < 2200:
        raise _event_error(f"its scheduled_at {_abbreviate(value)} is not an instant like 2026-11-27T00:30:00Z")
    return instant


def _parse_operation(value: object, field: str, kinds: type[Operation]) -> Operation:
    operations = {kind.value: kind for kind in kinds}
    if not isinstance(value, str) or value not in operations:
        raise _event_error(f"its {field} {_abbreviate(value)} is none of {', '.join(operations)}")
    return operations[value]


def _abbreviate(value: object) -> str:
    """Value of the event for an error message: short and on one line."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _event_error(reason: str) -> SettingError:
    return SettingError(f"The event is refused: {reason}.", "See deploy/lambda/README.md for what may be in one.")
