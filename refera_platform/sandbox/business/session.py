"""Write session on the sample source as its owner, with binlog timestamps of our choice (``SET timestamp``).

Reading a source to ingest it is not done here: the room ``source`` does.

    home/stack.json ──▶ SampleAdmin ──▶ SampleSession.set_clock(instant) ──▶ dated statements
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from refera_platform.errors import LocalStackError, SettingError
from refera_platform.sandbox.stack_file import read_stack_address

SAMPLE_LOCK_TIMEOUT_SECONDS = 2
"""Seconds in which the server notices that a killed session is gone."""
SESSION_SETTINGS = "set session sql_mode = 'STRICT_ALL_TABLES,NO_UNSIGNED_SUBTRACTION', time_zone = '+00:00'"


@dataclass(frozen=True, kw_only=True)
class SampleAdmin:
    """The account that owns the sample source."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str = "classicmodels"

    @classmethod
    def from_home(cls, home: Path) -> "SampleAdmin":
        """The account in the ``stack.json`` of the local stack below ``home``, which must have been started."""
        address = read_stack_address(home)
        if address is None:
            raise SettingError(f"No local stack has been started in {home}:", "start it with `refera up`.")
        server, login = address.mariadb, asdict(address.mariadb.admin)
        return cls(host=server.host, port=server.port, database=server.database, **login)

    @contextmanager
    def session(self) -> Iterator["SampleSession"]:
        """An open session; uncommitted changes are rolled back when it ends, also after an error of the server."""
        address = f"{self.host}:{self.port}"
        try:
            connection = pymysql.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                charset="utf8mb4",
                autocommit=True,
                ssl_disabled=True,
                init_command=SESSION_SETTINGS,
            )
        except pymysql.MySQLError as error:
            raise LocalStackError(
                f"The source database at {address} does not answer ({_server_message(error)}):",
                "see `refera status`, or start it with `refera up`.",
            ) from error
        try:
            with connection, connection.cursor() as cursor:
                yield SampleSession(cursor)
        except pymysql.MySQLError as error:
            raise LocalStackError(
                f"The source database at {address} refused a statement ({_server_message(error)}):",
                "nothing of the step was kept; correct the cause and run it again.",
            ) from error


class SampleSession:
    """One connection that writes; each change carries the instant of the last ``set_clock``."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def set_clock(self, instant: datetime) -> None:
        """Date all later statements, in the server's clock and in its binlog."""
        self.run("set timestamp = %s", round(instant.timestamp(), 6))

    def use(self, database: str) -> None:
        """Make a database the default for unqualified names."""
        self.run(f"use `{database}`")

    @contextmanager
    def exclusive(self, database: str) -> Iterator[None]:
        """Keep other sessions from generating or simulating in a database inside the block, or raise if one does."""
        lock = f"refera {database}"
        if self.column("select get_lock(%s, %s)", lock, SAMPLE_LOCK_TIMEOUT_SECONDS) != [1]:
            raise LocalStackError(
                f"Somebody else is writing the sample business into {database}:", "wait until they are done."
            )
        yield
        # after an error the server releases it, when it notices the end of the session
        self.run("do release_lock(%s)", lock)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        self.run(query, *values)
        return list(self._cursor.fetchall())

    def column(self, query: str, *values: object) -> list[Any]:
        """The first column of all rows of a query."""
        return [row[0] for row in self.rows(query, *values)]

    def run(self, statement: str, *values: object) -> int:
        """Run one statement; returns the number of rows it changed."""
        return self._cursor.execute(statement, values or None)

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert whole rows."""
        placeholders = ", ".join(["%s"] * len(rows[0]))
        self._cursor.executemany(f"insert into {table} values ({placeholders})", rows)

    def set_variables(self, **values: object) -> None:
        """Set user variables of the session, which its statements read as ``@name``."""
        self.run(f"set {', '.join(f'@{name} = %s' for name in values)}", *values.values())


def _server_message(error: pymysql.MySQLError) -> str:
    return str(error.args[-1]) if error.args else type(error).__name__
