"""Why a log cannot be read on, in words of ours with the next step."""

from refera_platform.errors import LakeError, ReferaError, SourceError, kind_of
from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.dump_connection import Placed
from refera_platform.source.mysql.binlog.position import Position

LOSSES = {
    events.PARTIAL_UPDATE: (
        "The log has updates of parts of JSON values without the rest of them",
        "set global binlog_row_value_options = '', then `refera resnapshot` every table of the database.",
    ),
    events.INCIDENT: (
        "The server says that its log lost changes",
        "`refera resnapshot` every table of the database.",
    ),
}
REFUSED, FORBIDDEN = 1236, (1044, 1045, 1142, 1227)
LOST = frozenset({1053, 1317, 1927, 2003, 2006, 2013})
"""The server's and the client's codes for a connection that is gone."""


def explained(trouble: Exception, place: Position) -> ReferaError:
    """The server's words for why its log cannot be read from a place on, with the next step."""
    code = trouble.args[0] if trouble.args else 0
    said = str(trouble.args[-1] if trouble.args else trouble).rstrip(".").split(";")[0]
    if code == REFUSED:
        lost = (
            f"The log cannot be read from {place.file}:{place.offset} on: it was purged, is damaged, or is not the"
            " one that was read before"
        )
        return LakeError(
            f"{lost} ({said}):",
            "`refera resnapshot` every table that says so.",
            public=f"{lost}:",
        )
    if code in FORBIDDEN:
        return SourceError(
            f"The account may not read the log ({said}):",
            "`refera doctor` prints the grants it needs.",
            public="The account may not read the log:",
        )
    return SourceError(
        f"The log could not be read ({said}):",
        "run again; nothing was lost.",
        passing=True,
        public=f"The log could not be read ({kind_of(trouble)}):",
    )


def another_log(known: Position) -> LakeError:
    """What is said when the place in the log is not the place that was noted."""
    return LakeError(
        f"The log at {known.file}:{known.offset} is not the one that was read before (it was reset, or the server was"
        " restored from a backup):",
        "`refera resnapshot` every table that says so.",
    )


def unknown(placed: Placed) -> LakeError:
    """What is said of an event that may hold rows, for all that is known here."""
    return LakeError(
        f"The log has an event of kind {placed.event.kind} at {placed.file}:{placed.start}, which is not known here:",
        "update refera_platform, or choose strategy compare for the tables of the database.",
    )


def is_loss(trouble: Exception) -> bool:
    """Whether a connection was lost, so that another one may bring the rest."""
    return isinstance(trouble, OSError) or (bool(trouble.args) and trouble.args[0] in LOST)
