"""MariaDB dialect: exact position of a snapshot, GTIDs of any position, ``server_uid``."""

from collections.abc import Mapping

from refera_platform.source.mysql.server import Ask, SnapshotPosition, global_variables
from refera_platform.source.position import Position
from refera_platform.source.types import mysql_literal

BINLOG_SETTING_NAMES = (
    "log_bin",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_metadata",
    "expire_logs_days",
    "binlog_expire_logs_seconds",
    "server_id",
    "gtid_strict_mode",
)


class MariaDB:
    """The dialect of MariaDB 10.6 and later."""

    kind = "mariadb"
    before_dump = (
        # capability of the newest replicas: the server sends events as they are in the binlog, with GTIDs
        "set @mariadb_slave_capability = 4, @master_binlog_checksum = @@global.binlog_checksum",
    )

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def identity(self) -> str:
        """``server_uid`` since 10.11; before that ``server_id``, which an administrator chose."""
        rows = self._ask(
            "select variable_value from information_schema.global_variables"
            " where variable_name in ('server_uid', 'server_id') order by variable_name desc limit 1"
        )
        return f"mariadb:{rows[0][0]}"

    def begin_snapshot(self) -> SnapshotPosition:
        """The server reports the binlog position of the snapshot, so it is exact."""
        self._ask("start transaction with consistent snapshot, read only")
        status = {str(name).lower(): str(value) for name, value in self._ask("show status like 'binlog_snapshot_%'")}
        file = status.get("binlog_snapshot_file", "")
        if not file:
            return SnapshotPosition(position=None, is_exact=False)
        offset = int(status["binlog_snapshot_position"])
        position = Position(file=file, offset=offset, gtid=self.gtid_at(file, offset) or "")
        return SnapshotPosition(position=position, is_exact=True)

    def gtid_at(self, file: str, offset: int) -> str | None:
        """The last GTID of each domain before the position, sorted by domain."""
        gtid_list = self._ask(f"select binlog_gtid_pos({mysql_literal(file)}, {offset:d})")[0][0]
        if gtid_list is None:
            return None
        last_gtids = [gtid.strip() for gtid in str(gtid_list).split(",") if gtid.strip()]
        return ",".join(sorted(last_gtids, key=lambda gtid: int(gtid.split("-")[0])))

    def gtid_after(self, before: str, gtid: str) -> str:
        """Empty: MariaDB knows the GTIDs of every position and is asked when they are needed."""
        return ""

    def has_same_history(self, position: Position) -> bool:
        """Whether the server has the same GTIDs before the position."""
        return not position.gtid or self.gtid_at(position.file, position.offset) in (None, position.gtid)

    def binlog_files(self) -> list[tuple[str, int]]:
        """Name and bytes of each binlog file, oldest first."""
        return [(str(name), int(size)) for name, size, *_ in self._ask("show binary logs")]

    def binlog_settings(self) -> Mapping[str, str]:
        """Settings of the binlog, by name."""
        return global_variables(self._ask, BINLOG_SETTING_NAMES)
