"""MySQL: a snapshot between two equal looks at the end of the log, GTID sets, a server UUID.

No MySQL could be run where this was written: the module is tested on the statements and answers of its manual.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.server import Ask, SnapshotPosition, global_variables, server_version
from refera_platform.source.types import mysql_literal

BINLOG_SETTING_NAMES = (
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
MAX_SNAPSHOT_ATTEMPTS = 10
"""Times that a snapshot is begun again because somebody committed meanwhile."""
RENAMED_STATUS_VERSION = (8, 2)
"""Release since which the end of the log is asked for by another name."""
EXECUTED_GTIDS_INDEX = 2
"""Place of the GTIDs behind file and offset."""
IN_FLIGHT_WAIT_SECONDS = 11.0
COMMIT_POLL_SECONDS, MAX_COMMIT_POLLS = 0.05, 1200
"""Seconds between looks at the transactions on their way, and how many looks."""
GTID_SPAN_PATTERN = re.compile(r"(\d+)(?:-(\d+))?")


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

    def begin_snapshot(self) -> SnapshotPosition:
        """The place before; exact when it is the place after as well, since nothing was committed in between.

        Raises:
            SourceError: when transactions that the log has are not committed for long.
        """
        snapshot_position = SnapshotPosition(position=None, is_exact=False)
        for _ in range(MAX_SNAPSHOT_ATTEMPTS):
            before = self._binlog_end()
            is_quick = before is not None and self._await_commits()
            self._ask("start transaction with consistent snapshot, read only")
            snapshot_position = SnapshotPosition(
                position=before, is_exact=before is not None and self._binlog_end() == before
            )
            if snapshot_position.is_exact or not is_quick:
                break
        return snapshot_position

    def gtid_at(self, file: str, offset: int) -> str | None:
        """MySQL knows the GTIDs of the log's end alone."""
        return None

    def gtid_after(self, before: str, gtid: str) -> str:
        """The set with one more."""
        return add_gtid(before, gtid) if before and gtid else before

    def has_same_history(self, position: Position) -> bool:
        """Whether the server has executed all that was executed before the place."""
        if not position.gtid:
            return True
        executed = f"gtid_subset({mysql_literal(position.gtid)}, @@global.gtid_executed)"
        return bool(self._ask(f"select {executed}")[0][0])

    def binlog_files(self) -> list[tuple[str, int]]:
        """Name and bytes of each file, oldest first."""
        return [(str(name), int(size)) for name, size, *_ in self._ask("show binary logs")]

    def binlog_settings(self) -> Mapping[str, str]:
        """Settings of the log."""
        return global_variables(self._ask, BINLOG_SETTING_NAMES)

    def _await_commits(self) -> bool:
        """Wait until all that the log has is to be seen: it is written there first, and committed after that.

        With GTIDs the server tells which transactions are on their way. Without, nothing tells, so it is given time:
        more than the ten seconds for which a semi-synchronous replica is waited for by default.

        Returns:
            Whether the server told, so that it may be asked again.
        """
        if str(self._ask("select @@global.gtid_mode")[0][0]).upper() != "ON":
            self._pause(IN_FLIGHT_WAIT_SECONDS)
            return False
        uncommitted = self._owned_gtids()
        for _ in range(MAX_COMMIT_POLLS):
            if not uncommitted:
                return True
            self._pause(COMMIT_POLL_SECONDS)
            uncommitted &= self._owned_gtids()
        raise SourceError(
            f"{len(uncommitted)} transactions are in the log and not yet committed after"
            f" {MAX_COMMIT_POLLS * COMMIT_POLL_SECONDS:.0f} s:",
            "look for a replica that does not answer, and run again.",
            is_transient=True,
        )

    def _owned_gtids(self) -> set[str]:
        """GTIDs of transactions that are on their way; the server tells them as ``uuid:23#7:24#8,uuid:1#9``."""
        sources = "".join(str(self._ask("select @@global.gtid_owned")[0][0]).split()).split(",")
        return {f"{each.split(':')[0]}:{owned}" for each in sources for owned in each.split(":")[1:]}

    def _binlog_end(self) -> Position | None:
        """Where the log ends; ``None`` when there is none, or the account may not see it."""
        is_renamed = server_version(self._ask) >= RENAMED_STATUS_VERSION
        try:
            rows = self._ask("show binary log status" if is_renamed else "show master status")
        except SourceError as error:
            if error.is_transient:
                raise
            return None  # REPLICATION CLIENT is only for those who need a place in the log
        if not rows:
            return None
        file, offset, *others = rows[0]
        gtids = str(others[EXECUTED_GTIDS_INDEX]) if len(others) > EXECUTED_GTIDS_INDEX else ""
        return Position(file=str(file), offset=int(offset), gtid="".join(gtids.split()))


def add_gtid(executed: str, gtid: str) -> str:
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
            matches = [GTID_SPAN_PATTERN.fullmatch(span) for span in spans]
            if None in matches:  # tags (MySQL 8.3): what is left out of the set makes no other set of it
                return executed
            pairs = sorted(
                [
                    (int(number), int(number)),
                    *((int(each[1]), int(each[2] or each[1])) for each in matches if each),
                ]
            )
            parts[index] = ":".join([name, *(_span_text(*pair) for pair in _merge_spans(pairs))])
            return ",".join(parts)
    return ",".join([*parts, gtid])


def _merge_spans(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch made one."""
    merged: list[tuple[int, int]] = []
    for first, last in pairs:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _span_text(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else f"{first}"
