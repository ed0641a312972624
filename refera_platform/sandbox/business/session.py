"""Write session on the sample source as its owner, with binlog timestamps of our choice (``SET timestamp``).

Reading a source to ingest it is not done here: the room ``source`` does.

    home/stack.json ──▶ SampleAdmin ──▶ SampleSession.set_clock(instant) ──▶ dated statements
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from refera_platform.errors import LocalStackError, SettingError

SampleRow = Sequence[Any]
OnSampleProgress = Callable[[str, int, int], None]
"""Called with the current step, how much of it is done, and how much there is to do."""

SAMPLE_LOCK_TIMEOUT_SECONDS = 2
"""Seconds in which the server notices that a killed session is gone."""


def ignore_sample_progress(step: str, done: int, total: int) -> None:
    """Ignore progress."""


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
        """The account in the ``stack.json`` of the local stack below ``home``.

        Raises:
            SettingError: if no stack was started there.
        """
        path = home / "stack.json"
        try:
            server = json.loads(path.read_text())["mariadb"]
            return cls(
                host=server["host"],
                port=server["port"],
                user=server["admin"]["user"],
                password=server["admin"]["password"],
                database=server["database"],
            )
        except FileNotFoundError:
            raise SettingError(f"No local stack has been started in {home}:", "start it with `refera up`.") from None
        except (ValueError, KeyError, TypeError) as error:
            raise SettingError(f"{path} does not describe a stack:", "remove it and run `refera up`.") from error

    @contextmanager
    def session(self) -> Iterator["SampleSession"]:
        """An open session; uncommitted changes are rolled back when it ends.

        Raises:
            LocalStackError: if the server cannot be reached or refuses a statement.
        """
        address = f"{self.host}:{self.port}"
        try:
            connection = pymysql.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                charset="utf8mb4",
                autocommit=True,
                local_infile=True,
                connect_timeout=10,
                ssl_disabled=True,
                init_command="set session sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00'",
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
        self._cursor.execute("set timestamp = %s", (round(instant.timestamp(), 6),))

    def use(self, database: str) -> None:
        """Make a database the default for unqualified names."""
        self._cursor.execute(f"use `{database}`")

    @contextmanager
    def exclusive(self, database: str) -> Iterator[None]:
        """Keep other sessions from generating or simulating in a database inside the block.

        Raises:
            LocalStackError: if another session does so already.
        """
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
        self._cursor.execute(query, values or None)
        return list(self._cursor.fetchall())

    def column(self, query: str, *values: object) -> list[Any]:
        """The first column of all rows of a query."""
        return [row[0] for row in self.rows(query, *values)]

    def run(self, statement: str, *values: object) -> int:
        """Run one statement; returns the number of rows it changed."""
        return self._cursor.execute(statement, values or None)

    def run_many(self, statement: str, rows: Sequence[SampleRow]) -> int:
        """Run one statement for each row; returns the number of rows it changed."""
        return self._cursor.executemany(statement, rows) or 0


def _server_message(error: pymysql.MySQLError) -> str:
    """The server's own message, without the type names around it."""
    return str(error.args[-1]) if error.args else type(error).__name__
