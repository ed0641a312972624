"""MySQL dialect: position of a snapshot by reading the binlog's end before and after, GTID sets, ``server_uuid``.

No MySQL server was available: the module is tested on statements and answers from the MySQL manual.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from refera_platform.errors import SourceError
from refera_platform.source.mysql.server import Ask, SnapshotPosition, global_variables, server_version
from refera_platform.source.position import Position
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
"""Attempts to begin a snapshot without a commit meanwhile."""
RENAMED_STATUS_VERSION = (8, 2)
"""Version since which the statement for the binlog's end has another name."""
EXECUTED_GTIDS_INDEX = 2
"""Index of the executed GTIDs among the columns behind file and offset."""
IN_FLIGHT_WAIT_SECONDS = 11.0
COMMIT_POLL_SECONDS, MAX_COMMIT_POLLS = 0.05, 1200
"""Seconds between checks for transactions in flight, and the number of checks."""
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
        """``server_uuid``, created with the data directory."""
        return f"mysql:{self._ask('select @@server_uuid')[0][0]}"

    def begin_snapshot(self) -> SnapshotPosition:
        """Use the position before the snapshot; it is exact when the position after it is the same.

        Raises:
            SourceError: when transactions in the binlog stay uncommitted for too long.
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
        """``None``: MySQL knows the GTIDs of the binlog's end only."""
        return None

    def gtid_after(self, before: str, gtid: str) -> str:
        """The GTID set with one more transaction."""
        return add_gtid(before, gtid) if before and gtid else before

    def has_same_history(self, position: Position) -> bool:
        """Whether the server has executed all GTIDs of the position."""
        if not position.gtid:
            return True
        executed = f"gtid_subset({mysql_literal(position.gtid)}, @@global.gtid_executed)"
        return bool(self._ask(f"select {executed}")[0][0])

    def binlog_files(self) -> list[tuple[str, int]]:
        """Name and bytes of each binlog file, oldest first."""
        return [(str(name), int(size)) for name, size, *_ in self._ask("show binary logs")]

    def binlog_settings(self) -> Mapping[str, str]:
        """Settings of the binlog, by name."""
        return global_variables(self._ask, BINLOG_SETTING_NAMES)

    def _await_commits(self) -> bool:
        """Wait until every transaction in the binlog is visible: MySQL writes to the binlog first and commits then.

        With GTIDs the server lists the transactions in flight. Without GTIDs it does not, so this waits a fixed time:
        more than the ten seconds for which the server waits for a semi-synchronous replica by default.

        Returns:
            Whether the server listed them, so that trying again is quick.
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
            f"{len(uncommitted)} transactions are in the binlog and not yet committed after"
            f" {MAX_COMMIT_POLLS * COMMIT_POLL_SECONDS:.0f} s:",
            "look for a replica that does not answer, and run again.",
            is_transient=True,
        )

    def _owned_gtids(self) -> set[str]:
        """GTIDs of transactions in flight; the server writes them as ``uuid:23#7:24#8,uuid:1#9``."""
        sources = "".join(str(self._ask("select @@global.gtid_owned")[0][0]).split()).split(",")
        return {f"{each.split(':')[0]}:{owned}" for each in sources for owned in each.split(":")[1:]}

    def _binlog_end(self) -> Position | None:
        """The end of the binlog; ``None`` when there is none, or the account may not see it."""
        is_renamed = server_version(self._ask) >= RENAMED_STATUS_VERSION
        try:
            rows = self._ask("show binary log status" if is_renamed else "show master status")
        except SourceError as error:
            if error.is_transient:
                raise
            return None  # only accounts that need a binlog position have REPLICATION CLIENT
        if not rows:
            return None
        file, offset, *others = rows[0]
        gtids = str(others[EXECUTED_GTIDS_INDEX]) if len(others) > EXECUTED_GTIDS_INDEX else ""
        return Position(file=str(file), offset=int(offset), gtid="".join(gtids.split()))


def add_gtid(executed: str, gtid: str) -> str:
    """Add one transaction to a GTID set.

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
            if None in matches:  # tagged GTIDs (MySQL 8.3): the set stays true without this one
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
    """Merge adjacent and overlapping spans; ``pairs`` is sorted."""
    merged: list[tuple[int, int]] = []
    for first, last in pairs:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _span_text(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else f"{first}"
