"""What a function is asked for, read from an event that anybody may have written.

{"database": "classicmodels", "tables": ["orders"], "days": ["2026-11-26"], "stage": "production"}
{"database": "classicmodels", "stage": "production", "scheduled_at": "2026-11-27T00:30:00Z"}
{"operation": "piece", "database": "classicmodels", "tables": ["orders"], "plan": "1f…", "piece": 7, "stage": …}
{"operation": "doctor", "stage": "production"}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from refera_platform.errors import SettingError, UnavailableDayError
from refera_platform.lake.days import require_in_calendar
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.source.table import SourceTable

MOST_DAYS = 3660
PLAN = re.compile(r"[0-9a-f]{32}")
SCHEDULE_TOLERANCE = timedelta(days=1)
"""How far ahead of the function's clock the instant of a schedule may be."""


class Operation(Enum):
    """What can be asked of the function that reads the source."""

    CAPTURE = "capture"
    """Days of tables into the lake; what is asked for when nothing is named."""
    PIECE = "piece"
    """One piece of a large table."""
    DOCTOR = "doctor"
    """Whether everything holds that a capture needs."""
    LOG = "log"
    """How long the log keeps the places where tables go on."""


FIELDS: Mapping[Operation, frozenset[str]] = {
    Operation.CAPTURE: frozenset({"database", "tables", "days", "scheduled_at", "afresh"}),
    Operation.PIECE: frozenset({"database", "tables", "plan", "piece"}),
    Operation.DOCTOR: frozenset(),
    Operation.LOG: frozenset({"database", "tables"}),
}
ALWAYS = frozenset({"operation", "stage"})
OF_PIPES = frozenset({"DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES"})


@dataclass(frozen=True, kw_only=True)
class Request:
    """An event that can be answered."""

    operation: Operation
    stage: str
    database: str = ""
    tables: tuple[SourceTable, ...] = ()
    """In the order in which they are read."""
    days: tuple[date, ...] = ()
    """Oldest first; empty when ``scheduled_at`` says which."""
    scheduled_at: datetime | None = None
    """The instant of a schedule: the days before it are captured, up to the one that ended last."""
    afresh: frozenset[str] = frozenset()
    """Names of tables that get a new baseline."""
    plan: str = ""
    piece: int = 0


def read(event: object) -> Request:
    """Read an event.

    Raises:
        SettingError: naming what is wrong with it.
    """
    if not isinstance(event, dict) or not all(isinstance(name, str) for name in event):
        raise _refused(f"it is a {type(event).__name__} and not a JSON object")
    operation = _one_of(event.get("operation", Operation.CAPTURE.value), "operation", Operation)
    given = set(event) - OF_PIPES
    if unknown := sorted(given - FIELDS[operation] - ALWAYS):
        allowed = ", ".join(sorted(FIELDS[operation] | ALWAYS))
        raise _refused(f"it has {_shown(unknown[0])}, and {operation.value} takes {allowed}")
    stage = event.get("stage", "")
    if not isinstance(stage, str) or not stage:
        raise _refused("it names no stage")
    if operation is Operation.DOCTOR:
        return Request(operation=operation, stage=stage)
    database, tables = _tables(event)
    if operation is Operation.LOG:
        return Request(operation=operation, stage=stage, database=database, tables=tables)
    if operation is Operation.PIECE:
        plan, piece = event.get("plan"), event.get("piece")
        if len(tables) != 1 or "tables" not in event:
            raise _refused("a piece is of one table")
        if not isinstance(plan, str) or not PLAN.fullmatch(plan):
            raise _refused(f"its plan {_shown(plan)} is not the name of one")
        if not isinstance(piece, int) or isinstance(piece, bool) or piece < 0:
            raise _refused(f"its piece {_shown(piece)} is not a number from 0 on")
        return Request(operation=operation, stage=stage, database=database, tables=tables, plan=plan, piece=piece)
    scheduled_at = _instant(event["scheduled_at"]) if "scheduled_at" in event else None
    days = _days(event["days"]) if "days" in event else ()
    if bool(days) == bool(scheduled_at):
        raise _refused("it names either days or scheduled_at")
    return Request(
        operation=operation,
        stage=stage,
        database=database,
        tables=tables,
        days=days,
        scheduled_at=scheduled_at,
        afresh=frozenset(_names(event.get("afresh", []), "afresh", {table.name for table in tables})),
    )


def require_days_in_calendar(request: Request, stage: Stage) -> None:
    """Refuse days that the stage's calendar does not have, before anything is asked of the source.

    Args:
        request: What is asked for.
        stage: Says what time it is, and which day is the first.

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


def _tables(event: Mapping[str, Any]) -> tuple[str, tuple[SourceTable, ...]]:
    database = event.get("database")
    own = {table.name: table for table in TABLES if table.database == database}
    if not own:
        known = ", ".join(sorted({table.database for table in TABLES}))
        raise _refused(f"its database {_shown(database)} is none of {known}")
    names = _names(event.get("tables", list(own)), "tables", set(own))
    if not names:
        raise _refused("its list of tables is empty")
    return str(database), tuple(table for name, table in own.items() if name in names)


def _names(given: object, field: str, known: set[str]) -> list[str]:
    if not isinstance(given, list):
        raise _refused(f"its {field} is a {type(given).__name__} and not a list of names")
    for name in given:
        if not isinstance(name, str) or name not in known:
            raise _refused(f"its {field} names {_shown(name)}, which is none of {', '.join(sorted(known))}")
    return given


def _days(given: object) -> tuple[date, ...]:
    if not isinstance(given, list) or not given or len(given) > MOST_DAYS:
        raise _refused(f"its days are not a list of 1 to {MOST_DAYS} days like 2026-11-26")
    found = set()
    for text in given:
        try:
            found.add(date.fromisoformat(text))
        except (TypeError, ValueError):
            raise _refused(f"its day {_shown(text)} is not one like 2026-11-26") from None
    return tuple(sorted(found))


def _instant(given: object) -> datetime:
    try:
        instant = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        instant = None
    # so that no time zone leads out of the calendar
    if instant is None or instant.tzinfo is None or not 2000 <= instant.year < 2200:
        raise _refused(f"its scheduled_at {_shown(given)} is not an instant like 2026-11-27T00:30:00Z")
    return instant


def _one_of(given: object, field: str, kinds: type[Operation]) -> Operation:
    known = {kind.value: kind for kind in kinds}
    if not isinstance(given, str) or given not in known:
        raise _refused(f"its {field} {_shown(given)} is none of {', '.join(known)}")
    return known[given]


def _shown(value: object) -> str:
    """Something that a stranger wrote, short and on one line."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _refused(why: str) -> SettingError:
    return SettingError(f"The event is refused: {why}.", "See deploy/lambda/README.md for what may be in one.")
