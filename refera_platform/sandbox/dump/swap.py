"""Swap of the eight tables in the local source: copies the new ones beside it, compares them, exchanges all at once.

Before the exchange the source is unchanged; after it, no reader sees an old table.

    scratch server ──▶ classicmodels__incoming ──▶ RENAME ──▶ classicmodels ──▶ classicmodels__outgoing ──▶ dropped
"""

import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.dump.expected_tables import DumpedBusiness, backquoted
from refera_platform.sandbox.lock import exclusive_lock
from refera_platform.sandbox.servers import mariadb
from refera_platform.sandbox.servers.process import server_environment
from refera_platform.sandbox.servers.scratch_mariadb import ScratchServer
from refera_platform.sandbox.stack_file import STACK_DATABASE, StackAddress, write_private_file

INCOMING_DATABASE, OUTGOING_DATABASE = f"{STACK_DATABASE}__incoming", f"{STACK_DATABASE}__outgoing"
RESTORE_LOCK_FILE = "restore.lock"
LOCK_SECONDS = 30
"""How long the exchange waits for sessions that are reading the source."""
DUMP_OPTIONS = (
    "--single-transaction",
    "--hex-blob",
    "--skip-triggers",
    "--no-tablespaces",
    "--skip-lock-tables",
    "--skip-add-locks",
    "--skip-add-drop-table",
    "--skip-comments",
)
TableTotals = Mapping[str, tuple[int, int]]
"""Row count and checksum of each table."""


def table_totals(cursor: Cursor, database: str, tables: Mapping[str, str]) -> TableTotals:
    """Row count and checksum of tables, by our names of them."""
    result = {}
    for name, spelled in tables.items():
        # not CHECKSUM TABLE: with generated columns, equal tables have different checksums (MariaDB 10.11)
        values = ", ".join(
            f"cast(quote({backquoted(column)}) as binary)" for column in _columns(cursor, database, spelled)
        )
        cursor.execute(
            f"select count(*), coalesce(sum(crc32(concat_ws(',', {values}))), 0)"
            f" from {backquoted(database)}.{backquoted(spelled)}"
        )
        rows, checksum = cursor.fetchone() or (0, 0)
        result[name] = (int(rows), int(checksum))
    return result


def _columns(cursor: Cursor, database: str, table: str) -> list[str]:
    cursor.execute(
        "select column_name from information_schema.columns where table_schema = %s and table_name = %s"
        " order by ordinal_position",
        (database, table),
    )
    return [name for (name,) in cursor.fetchall()]


def swap_tables(
    home: Path, address: StackAddress, scratch: ScratchServer, business: DumpedBusiness, on_step: Callable[[str], None]
) -> TableTotals:
    """Replace the business of the local source by that of the scratch server.

    Returns:
        Row count and checksum of each table.

    Raises:
        LocalStackError: if anything fails; the source is then unchanged.
    """
    with scratch.session() as cursor:
        expected = table_totals(cursor, business.database, business.tables)
    on_step(f"Copying {sum(rows for rows, _ in expected.values()):,} rows into the local source.")
    with (
        closing(mariadb.connect_mariadb(address.mariadb, address.mariadb.admin)) as connection,
        connection.cursor() as cursor,
    ):
        _drop_swap_databases(cursor)
        cursor.execute(f"create database {INCOMING_DATABASE}")
        cursor.execute(f"create database {OUTGOING_DATABASE}")
        _copy_tables(address, scratch, business)
        if table_totals(cursor, INCOMING_DATABASE, business.tables) != expected:
            raise LocalStackError(
                "The copy of the dump differs from what was read from it; the local source is unchanged:",
                f"see {home / 'logs' / 'mariadb.log'} for errors of the disk or the memory.",
            )
        _exchange_tables(cursor, business)
        (home / "sample.json").unlink(missing_ok=True)
        _drop_swap_databases(cursor)
    return expected


def finish_interrupted_swap(home: Path, address: StackAddress) -> None:
    """Finish or undo what a killed restore left; does nothing while a restore is running."""
    with (
        closing(mariadb.connect_mariadb(address.mariadb, address.mariadb.admin)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "select 1 from information_schema.schemata where schema_name in %s",
            ((INCOMING_DATABASE, OUTGOING_DATABASE),),
        )
        if not cursor.fetchall():
            return
        try:
            with exclusive_lock(home / RESTORE_LOCK_FILE, timeout_seconds=0, busy_message="A restore is running:"):
                if _tables(cursor, OUTGOING_DATABASE):
                    # the exchange took place: the generated sample and its description are obsolete
                    (home / "sample.json").unlink(missing_ok=True)
                _drop_swap_databases(cursor)
        except LocalStackError:
            return


def _copy_tables(address: StackAddress, scratch: ScratchServer, business: DumpedBusiness) -> None:
    target = scratch.folder / "target.cnf"
    admin = address.mariadb.admin
    write_private_file(
        target, mariadb.client_option_file_text(admin.user, admin.password, Path(address.mariadb.socket))
    )
    reading = [
        mariadb.mariadb_program("mariadb-dump"),
        f"--defaults-file={scratch.option_file}",
        *DUMP_OPTIONS,
        business.database,
        *business.tables.values(),
    ]
    writing = mariadb.client_command(target, INCOMING_DATABASE)
    env, error_file = server_environment(scratch.folder), scratch.folder / "copy.err"
    with error_file.open("w+b") as errors:
        with (
            subprocess.Popen(reading, stdout=subprocess.PIPE, stderr=errors, env=env) as source,  # noqa: S603
            subprocess.Popen(  # noqa: S603
                writing, stdin=source.stdout, stdout=subprocess.DEVNULL, stderr=errors, env=env
            ) as sink,
        ):
            if source.stdout is not None:
                source.stdout.close()  # close our copy: the sink has its own, and must see the end when the source ends
        if source.returncode or sink.returncode:
            errors.seek(0)
            error_lines = errors.read().decode(errors="replace").strip().splitlines() or ["it did not say why"]
            raise LocalStackError(
                f"The dump was read, but could not be copied into the local source ({error_lines[-1][:300]}):",
                "the local source is unchanged.",
            )


def _exchange_tables(cursor: Cursor, business: DumpedBusiness) -> None:
    """Move old tables out and new tables in, by one statement that is atomic for all readers."""
    moves = [(STACK_DATABASE, table, OUTGOING_DATABASE, table) for table in _tables(cursor, STACK_DATABASE)]
    moves += [(INCOMING_DATABASE, spelled, STACK_DATABASE, name) for name, spelled in business.tables.items()]
    cursor.execute(f"set session lock_wait_timeout = {LOCK_SECONDS}")
    try:
        cursor.execute(
            "rename table "
            + ", ".join(
                f"{backquoted(old_database)}.{backquoted(old)} to {backquoted(database)}.{backquoted(name)}"
                for old_database, old, database, name in moves
            )
        )
    except pymysql.MySQLError as refused:
        code, message = refused.args[0], refused.args[-1]
        remedies = {
            1205: "somebody is reading it: let that end, and restore again.",
            1435: "its tables have triggers: drop them, and restore again.",
        }
        raise LocalStackError(
            f"The tables of {STACK_DATABASE} could not be exchanged ({message}); the local source is unchanged:",
            remedies.get(code, "correct the cause, and restore again."),
        ) from refused


def _tables(cursor: Cursor, database: str) -> list[str]:
    cursor.execute(
        "select table_name from information_schema.tables"
        " where table_schema = %s and table_type not in ('VIEW', 'SYSTEM VIEW') order by table_name",
        (database,),
    )
    return [name for (name,) in cursor.fetchall()]


def _drop_swap_databases(cursor: Cursor) -> None:
    cursor.execute("set session foreign_key_checks = 0")
    for database in (INCOMING_DATABASE, OUTGOING_DATABASE):
        cursor.execute(f"drop database if exists {database}")
    cursor.execute("set session foreign_key_checks = 1")
