"""One operational MySQL or MariaDB database, asked through DuckDB's signed MySQL scanner.

Everything is sent as SQL text of ours with ``mysql_query`` (the scanner's own table scan loses wide decimals and
booleans; see ``types``), in a read-only session in UTC.

    Database ──▶ connect() ──▶ Source ──▶ ask(sql), identity(), columns(table)
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.engine import create_secret, literal, redact, session
from refera_platform.errors import SourceError
from refera_platform.source.table import SourceTable
from refera_platform.source.types import Column
from refera_platform.stage import Database, Stage

ALIAS = "source_database"
RESERVED = frozenset({"_op", "_changed_at", "_position", "day"})
"""Columns that raw rows have beside the source's own; ``day`` is the partition."""
SETTINGS = {
    # lossy by default: TINYINT(1) = 5 would become true
    "mysql_tinyint1_as_boolean": "false",
    "mysql_bit1_as_boolean": "false",
    # '2025-00-15' would stop the read; our own expressions count and null it on the server
    "mysql_incomplete_dates_as_nulls": "true",
    "mysql_session_time_zone": "'+00:00'",
    # a table that takes over five minutes would be cut
    "mysql_query_timeout_enabled": "false",
    # the server would copy the whole table to a temporary one before the first row
    "mysql_sql_buffer_result": "false",
}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which server and schema the rows come from; a change of it is never silent."""

    server: str
    """``server_uuid`` of MySQL, ``server_uid`` or else ``server_id`` of MariaDB, after the kind of server."""
    schema: str


class Source:
    """An open database; make one with :func:`connect`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, database: Database) -> None:
        self.connection = connection
        self._database = database

    def query(self, sql: str) -> str:
        """The DuckDB table function that runs ``sql`` on the server."""
        return f"mysql_query('{ALIAS}', {literal(sql)})"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a small answer."""
        return self.execute(f"select * from {self.query(sql)}").fetchall()

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run DuckDB SQL over this database.

        Raises:
            SourceError: with the server's own words, less any secret.
        """
        try:
            return self.connection.execute(sql)
        except duckdb.Error as trouble:
            raise explained(self._database, trouble) from None

    def identity(self) -> Identity:
        """Which server and schema this is."""
        if "mariadb" in str(self.ask("select version()")[0][0]).lower():
            # a server of its own kind of name since 10.11; before, only the number that an administrator gave
            named = self.ask(
                "select convert(variable_value using utf8mb4) from information_schema.global_variables"
                " where variable_name in ('server_uid', 'server_id') order by variable_name desc limit 1"
            )
            server = f"mariadb:{named[0][0]}"
        else:
            server = f"mysql:{self.ask('select @@server_uuid')[0][0]}"
        return Identity(server=server, schema=self._database.name)

    def columns(self, table: SourceTable) -> tuple[Column, ...]:
        """The columns of a table in the server's order, without the private ones.

        Raises:
            SourceError: when the table, a key column or a private column is not there, or may not be seen.
        """
        found = self.ask(
            "select convert(column_name using utf8mb4), convert(data_type using utf8mb4),"
            " convert(column_type using utf8mb4), cast(numeric_precision as signed), cast(numeric_scale as signed)"
            f" from information_schema.columns where table_schema = {mysql_literal(self._database.name)}"
            f" and cast(table_name as binary) = cast({mysql_literal(table.name)} as binary) order by ordinal_position"
        )
        columns = tuple(
            Column(
                name=name, data_type=kind.lower(), column_type=whole.lower(), precision=precision, scale=scale
            )
            for name, kind, whole, precision, scale in found
        )
        where = f"Table {self._database.name}.{table.name}"
        if not columns:
            raise SourceError(
                f"{where} is not there for user {self._database.user}:",
                "check its name in the catalogue and that the user was granted SELECT on it.",
            )
        names = {column.name for column in columns}
        for promised, what in ((set(table.key), "key"), (table.private, "private")):
            if missing := sorted(promised - names):
                raise SourceError(
                    f"{where} has no column {', '.join(missing)}, which the catalogue declares as {what}:",
                    f"it has {', '.join(column.name for column in columns)}.",
                )
        copied = tuple(column for column in columns if column.name not in table.private)
        if taken := [column.name for column in copied if column.name.lower() in RESERVED]:
            raise SourceError(
                f"{where} has a column {', '.join(taken)}, a name that raw rows need for themselves:",
                "mark it private to leave it behind, or rename it at the source.",
            )
        return copied


@contextmanager
def connect(stage: Stage, database: str, folder: Path) -> Iterator[Source]:
    """Open ``database`` of the stage for reading; spills go to ``folder``.

    Raises:
        SourceError: when the server cannot be reached or refuses the user.
    """
    address = stage.databases.get(database)
    if address is None:
        raise SourceError(f"Stage {stage.name} has no address of database {database}.")
    with session(stage, folder) as connection:
        create_secret(connection, "source_login", _login(address))
        for name, value in SETTINGS.items():
            connection.execute(f"set {name} = {value}")
        source = Source(connection, address)
        source.execute(f"attach '' as {ALIAS} (type mysql, secret source_login, read_only)")
        source.ask("select 1")
        yield source


def explained(database: Database, trouble: duckdb.Error) -> SourceError:
    """The server's words with the address and the next step, and without the password."""
    words = redact(str(trouble), [database.password]).splitlines()[0]
    where = f"{database.host}:{database.port} as {database.user}"
    passing = False
    if "Access denied" in words or "command denied" in words:
        remedy = "check the user, its password and that it was granted SELECT on the schema."
    elif "Unknown database" in words:
        remedy = "check the name of the schema in the URL."
    elif "SSL" in words or "TLS" in words or "certificate" in words.lower():
        remedy = "give the server's authority as ssl_ca=PATH in the URL, or type ssl_mode=disabled to go without TLS."
    elif "onnect" in words:
        remedy, passing = "check that the server runs and that its address can be reached from here.", True
    else:
        remedy = "nothing was written; mend it and run again."
    return SourceError(
        f"The database at {where} could not be read: {words.rstrip('.')}:", remedy, passing=passing
    )


def mysql_literal(text: str) -> str:
    """A MySQL string literal, whatever it contains and whatever ``sql_mode`` is."""
    return f"convert(x'{text.encode().hex()}' using utf8mb4)" if text else "''"


def _login(database: Database) -> dict[str, str]:
    options = {
        "type": "mysql", "host": database.host, "port": str(database.port), "user": database.user,
        "password": database.password, "database": database.name, "ssl_mode": database.ssl_mode,
    }  # fmt: skip
    if database.ssl_mode.startswith("verify"):
        options["ssl_ca"] = database.ssl_ca or ssl.get_default_verify_paths().cafile or ""
    return options
