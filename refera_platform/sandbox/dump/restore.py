"""Restore of a mysqldump file in place of the sample source: loaded completely, or not at all.

DumpFile ──▶ scratch server (isolated) ──▶ complete? the right tables? ──▶ swap ──▶ RestoreReport
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pymysql

from refera_platform.errors import LocalStackError
from refera_platform.sandbox import folder, stack
from refera_platform.sandbox.dump import audit, expected_tables, load, swap
from refera_platform.sandbox.dump.dump_file import DumpFile
from refera_platform.sandbox.lock import exclusive_lock
from refera_platform.sandbox.servers import scratch_mariadb

OnBytesRead = Callable[[int, int], None]
"""Called with the bytes of the file read so far, and its size in bytes."""


@dataclass(frozen=True, kw_only=True)
class RestoreReport:
    """Result of a restore."""

    dump: Path
    database: str
    """Name of the restored database in the dump; empty when the dump names none."""
    tables: Mapping[str, int]
    """Rows of each of the eight tables."""
    notes: tuple[str, ...]
    """What the dump holds and the source does not."""
    seconds: float

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(self.tables.values())


def ignore_bytes_read(done: int, total: int) -> None:
    """Ignore progress."""


def restore_dump(
    home: Path, dump: Path, on_progress: OnBytesRead = ignore_bytes_read, on_step: stack.OnStep = stack.ignore_step
) -> RestoreReport:
    """Replace the local source by the classicmodels business in a dump file.

    Args:
        home: Folder of the local stack, which is started when it does not run.
        dump: A file of mysqldump or mariadb-dump, plain or gzip.
        on_progress: Called while the file is read.
        on_step: Called with a line about each step that takes a while.

    Raises:
        LocalStackError: if the file is broken, truncated or of another business; the source is then unchanged.
    """
    started = time.monotonic()
    file = DumpFile.open(dump)
    home = home.resolve()
    address = stack.start_stack(home, on_step)
    busy = f"Another restore is running in {home}:"
    with (
        folder.os_errors_explained(home),
        exclusive_lock(home / swap.RESTORE_LOCK_FILE, timeout_seconds=1, busy_message=busy),
    ):
        try:
            with scratch_mariadb.open_scratch_server(home) as server:
                on_step(f"Reading {dump} into a scratch server.")
                business, notes = examine_dump(file, server, on_progress)
                totals = swap.swap_tables(home, address, server, business, on_step)
        except pymysql.MySQLError as refused:
            raise LocalStackError(
                f"A private server refused a step of the restore ({refused.args[-1]}):",
                "see the logs that `refera status` names, and restore again.",
            ) from refused
    return RestoreReport(
        dump=dump,
        database="" if business.database == scratch_mariadb.DUMP_DATABASE else business.database,
        tables={name: rows for name, (rows, _) in totals.items()},
        notes=tuple(notes),
        seconds=time.monotonic() - started,
    )


def examine_dump(
    file: DumpFile, server: scratch_mariadb.ScratchServer, on_progress: OnBytesRead = ignore_bytes_read
) -> tuple[expected_tables.DumpedBusiness, list[str]]:
    """Load a dump into a scratch server; returns its business, and notes on what will be left out.

    Raises:
        LocalStackError: if the file is broken, truncated or of another business.
    """
    load.load_dump(file, server, on_progress)
    with server.session() as cursor:
        business = expected_tables.find_business(cursor, str(file.path))
        notes = audit.audit_dump(cursor, business, str(file.path))
    if file.is_translated:
        notes.append("collations of MySQL 8 became the nearest that MariaDB has")
    if file.left_out:
        notes.append(f"{' and '.join(file.left_out)} not carried over")
    return business, notes
