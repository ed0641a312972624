"""Errors of reading the binlog, each with its next step: purged, replaced, refused, disconnected, unknown event."""

from refera_platform.errors import LakeError, ReferaError, SourceError, error_kind
from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.dump_connection import LocatedEvent
from refera_platform.source.position import Position

LOST_CHANGES = {
    events.PARTIAL_UPDATE: (
        "The binlog has updates of parts of JSON values without the rest of them",
        "set global binlog_row_value_options = '', then `refera resnapshot` every table of the database.",
    ),
    events.INCIDENT: (
        "The server says that its binlog lost changes",
        "`refera resnapshot` every table of the database.",
    ),
}
DUMP_REFUSED_CODE, ACCESS_DENIED_CODES = 1236, (1044, 1045, 1142, 1227)
LOST_CONNECTION_CODES = frozenset({1053, 1317, 1927, 2003, 2006, 2013})
"""Error codes of server and client for a lost connection."""


def binlog_read_error(error: Exception, position: Position) -> ReferaError:
    """The error for a failed read from a position on, with the server's message and the next step."""
    code = error.args[0] if error.args else 0
    server_message = str(error.args[-1] if error.args else error).rstrip(".").split(";")[0]
    if code == DUMP_REFUSED_CODE:
        problem = (
            f"The binlog cannot be read from {position.file}:{position.offset} on: it was purged, is damaged, or is not"
            " the one that was read before"
        )
        return LakeError(
            f"{problem} ({server_message}):",
            "`refera resnapshot` every table that reports this.",
            public_problem=f"{problem}:",
        )
    if code in ACCESS_DENIED_CODES:
        return SourceError(
            f"The account may not read the binlog ({server_message}):",
            "`refera doctor` prints the grants it needs.",
            public_problem="The account may not read the binlog:",
        )
    return SourceError(
        f"The binlog could not be read ({server_message}):",
        "run again; nothing was lost.",
        is_transient=True,
        public_problem=f"The binlog could not be read ({error_kind(error)}):",
    )


def replaced_binlog_error(position: Position) -> LakeError:
    """The error for a position whose binlog is not the one that was read before."""
    return LakeError(
        f"The binlog at {position.file}:{position.offset} is not the one that was read before (it was reset, or the"
        " server was restored from a backup):",
        "`refera resnapshot` every table that reports this.",
    )


def unknown_event_error(located: LocatedEvent) -> LakeError:
    """The error for an event of unknown kind, which may hold rows."""
    return LakeError(
        f"The binlog has an event of kind {located.event.kind} at {located.file}:{located.start}, which is not known"
        " here:",
        "update refera_platform, or choose strategy compare for the tables of the database.",
    )


def is_lost_connection(error: Exception) -> bool:
    """Whether the connection was lost, so that reconnecting may help."""
    return isinstance(error, OSError) or (bool(error.args) and error.args[0] in LOST_CONNECTION_CODES)
