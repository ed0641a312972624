"""MySQL: a snapshot between two equal looks at the end of the log, GTID sets, a server UUID.

No MySQL could be run where this was written: the module is tested on the statements and answers of its manual.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.server import Ask, Cut, release, settings
from refera_platform.source.types import mysql_literal

SETTINGS = (
    "log_bin",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_metadata",
    "binlog_row_value_options",
    "binlog_expire_logs_seconds",
    "expire_logs_days",
    "server_id",
    "gtid_mode",
)
LOOKS = 10
"""Times that a snapshot is begun again because somebody committed meanwhile."""
RENAMED = (8, 2)
"""Release since which the end of the log is asked for by another name."""
EXECUTED = 2
"""Place of the GTIDs behind file and offset."""
IN_FLIGHT = 11.0
BETWEEN_LOOKS, PATIENCE = 0.05, 1200
"""Seconds between looks at the transactions on their way, and how many looks."""
SPAN = re.compile(r"(\d+)(?:-(\d+))?")


class MySQL:
    """The dialect of MySQL 5.7 and later."""

    kind = "mysql"
    before_dump = (
        "set @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum",
    )

    def __init__(self, ask: Ask, pause: Callable[[float], None] = time.sleep) -> None:
        self._ask = ask
        self._pause = pause

    def identity(self) -> str:
        """``server_uuid``, made with the data folder."""
        return f"mysql:{self._ask('select @@server_uuid')[0][0]}"

    def begin_snapshot(self) -> Cut:
        """The place before; exact when it is the place after as well, since nothing was committed in between.

        Raises:
            SourceError: when transactions that the log has are not committed for long.
        """
        cut = Cut(position=None, is_exact=False)
        for _ in range(LOOKS):
            before = self._end_of_log()
            is_quick = before is not None and self._await_commits()
            self._ask("start transaction with consistent snapshot, read only")
            cut = Cut(position=before, is_exact=before is not None and self._end_of_log() == before)
            if cut.is_exact or not is_quick:
                break
        return cut

    def gtid_at(self, file: str, offset: int) -> str | None:
        """MySQL knows the GTIDs of the log's end alone."""
        return None

    def gtid_after(self, before: str, gtid: str) -> str:
        """The set with one more."""
        return with_gtid(before, gtid) if before and gtid else before

    def has_past(self, place: Position) -> bool:
        """Whether the server has executed all that was executed before the place."""
        if not place.gtid:
            return True
        executed = f"gtid_subset({mysql_literal(place.gtid)}, @@global.gtid_executed)"
        return bool(self._ask(f"select {executed}")[0][0])

    def binary_logs(self) -> list[tuple[str, int]]:
        """Name and bytes of each file, oldest first."""
        return [(str(name), int(size)) for name, size, *_ in self._ask("show binary logs")]

    def log_settings(self) -> Mapping[str, str]:
        """Settings of the log."""
        return settings(self._ask, SETTINGS)

    def _await_commits(self) -> bool:
        """Wait until all that the log has is to be seen: it is written there first, and committed after that.

        With GTIDs the server tells which transactions are on their way. Without, nothing tells, so it is given time:
        more than the ten seconds for which a semi-synchronous replica is waited for by default.

        Returns:
            Whether the server told, so that it may be asked again.
        """
        if str(self._ask("select @@global.gtid_mode")[0][0]).upper() != "ON":
            self._pause(IN_FLIGHT)
            return False
        waiting = self._owned()
        for _ in range(PATIENCE):
            if not waiting:
                return True
            self._pause(BETWEEN_LOOKS)
            waiting &= self._owned()
        raise SourceError(
            f"{len(waiting)} transactions are in the log and not yet committed after {PATIENCE * BETWEEN_LOOKS:.0f} s:",
            "look for a replica that does not answer, and run again.",
            passing=True,
        )

    def _owned(self) -> set[str]:
        """GTIDs of transactions that are on their way; the server tells them as ``uuid:23#7:24#8,uuid:1#9``."""
        sources = "".join(str(self._ask("select @@global.gtid_owned")[0][0]).split()).split(",")
        return {f"{each.split(':')[0]}:{owned}" for each in sources for owned in each.split(":")[1:]}

    def _end_of_log(self) -> Position | None:
        """Where the log ends; ``None`` when there is none, or the account may not see it."""
        named = release(self._ask) >= RENAMED
        try:
            found = self._ask("show binary log status" if named else "show master status")
        except SourceError as trouble:
            if trouble.passing:
                raise
            return None  # REPLICATION CLIENT is only for those who need a place in the log
        if not found:
            return None
        file, offset, *others = found[0]
        gtids = str(others[EXECUTED]) if len(others) > EXECUTED else ""
        return Position(file=str(file), offset=int(offset), gtid="".join(gtids.split()))


def with_gtid(executed: str, gtid: str) -> str:
    """A GTID set with one more transaction.

    Args:
        executed: ``uuid:1-5:7,uuid:3``.
        gtid: ``uuid:6``.
    """
    source, _, number = gtid.partition(":")
    parts = executed.split(",")
    for index, part in enumerate(parts):
        name, *spans = part.split(":")
        if name.lower() == source:
            found = [SPAN.fullmatch(span) for span in spans]
            if None in found:  # tags (MySQL 8.3): what is left out of the set makes no other set of it
                return executed
            pairs = sorted(
                [
                    (int(number), int(number)),
                    *((int(each[1]), int(each[2] or each[1])) for each in found if each),
                ]
            )
            parts[index] = ":".join([name, *(_span(*pair) for pair in _joined(pairs))])
            return ",".join(parts)
    return ",".join([*parts, gtid])


def _joined(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch made one."""
    found: list[tuple[int, int]] = []
    for first, last in pairs:
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def _span(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else f"{first}"
