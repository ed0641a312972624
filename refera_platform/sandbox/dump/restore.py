"""A mysqldump file in the place of the sample source, loaded as it is, or not at all.

Dump ──▶ scratch server (where it can do no harm) ──▶ complete? the right tables? ──▶ swap ──▶ RestoreReport
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pymysql

from refera_platform.errors import LocalStackError
from refera_platform.sandbox import folder, stack
from refera_platform.sandbox.dump import audit, expected_tables, load, swap
from refera_platform.sandbox.dump.file import Dump
from refera_platform.sandbox.lock import exclusive
from refera_platform.sandbox.servers import scratch_mariadb

Progress = Callable[[int, int], None]
"""Called with the bytes of the file that were read, and the bytes there are."""


@dataclass(frozen=True, kw_only=True)
class RestoreReport:
    """What a dump brought."""

    dump: Path
    database: str
    """Name in the dump of the database that was taken; empty when the dump names none."""
    tables: Mapping[str, int]
    """Rows of each of the eight tables."""
    notes: tuple[str, ...]
    """What the dump held and the source does not."""
    seconds: float

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(self.tables.values())


def unwatched(done: int, total: int) -> None:
    """A progress that nobody watches."""


def restore(home: Path, dump: Path, progress: Progress = unwatched, say: stack.Say = stack.silent) -> RestoreReport:
    """Replace the local source by the classicmodels business that a dump file holds.

    Args:
        home: Folder of the local stack, which is started when it is not up.
        dump: A file of mysqldump or mariadb-dump, plain or gzip.
        progress: Called while the file is read.
        say: Called with a line about each step that takes a while.

    Raises:
        LocalStackError: if the file is broken, cut off or of another business; what was there is unchanged.
    """
    began = time.monotonic()
    file = Dump.open(dump)
    home = home.resolve()
    address = stack.up(home, say)
    busy = f"Another restore is running in {home}:"
    with folder.explained(home), exclusive(home / swap.LOCK, patience=1, busy=busy):
        try:
            with scratch_mariadb.open_server(home) as server:
                say(f"Reading {dump} into a scratch server.")
                business, notes = examine(file, server, progress)
                found = swap.replace(home, address, server, business, say)
        except pymysql.MySQLError as refused:
            raise LocalStackError(
                f"A private server refused a step of the restore ({refused.args[-1]}):",
                "see the logs that `refera status` names, and restore again.",
            ) from refused
    return RestoreReport(
        dump=dump,
        database="" if business.database == scratch_mariadb.DATABASE else business.database,
        tables={name: rows for name, (rows, _) in found.items()},
        notes=tuple(notes),
        seconds=time.monotonic() - began,
    )


def examine(
    file: Dump, server: scratch_mariadb.Scratch, progress: Progress = unwatched
) -> tuple[expected_tables.Business, list[str]]:
    """Read a dump into a scratch server; the business it holds, and notes on what will be left behind.

    Raises:
        LocalStackError: if the file is broken, cut off or of another business.
    """
    load.load(file, server, progress)
    with server.session() as cursor:
        business = expected_tables.find(cursor, str(file.path))
        notes = audit.audit(cursor, business, str(file.path))
    if file.translated:
        notes.append("collations of MySQL 8 became the nearest that MariaDB has")
    if file.left_out:
        notes.append(f"{' and '.join(file.left_out)} not carried over")
    return business, notes
