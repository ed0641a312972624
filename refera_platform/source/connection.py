"""Session of one MySQL or MariaDB database: a connection to the server and a bounded DuckDB session.

The server session is read-only and in UTC. Whole results are streamed into Parquet. Knows no tables of its own: a
project declares them.

    SourceDatabase ──▶ open_source() ──▶ Source ──▶ ask(sql), snapshot(), columns(table), stream_select(select)
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pymysql

from refera_platform.duckdb_session.secrets import redact
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.errors import SourceError, error_kind
from refera_platform.settings.source_database import SourceDatabase
from refera_platform.settings.stage import Stage
from refera_platform.source.column_names import as_spelled, is_among
from refera_platform.source.copied_columns import is_copied
from refera_platform.source.mysql.result_to_parquet import ParquetSpool, stream_to_parquet
from refera_platform.source.mysql.server import Server, SnapshotPosition
from refera_platform.source.mysql.server.detection import detect_server
from refera_platform.source.mysql.wire import Wire, closing_wire, connection_error, open_wire
from refera_platform.source.table import SourceTable
from refera_platform.source.types import SourceColumn, mysql_literal

RESERVED_COLUMNS = frozenset({"_op", "_changed_at", "_position", "day"})
"""Columns that raw rows have in addition to the source's own; ``day`` is the partition."""
GENERATED_PATTERN = re.compile(r"\b(?:VIRTUAL|STORED|PERSISTENT) GENERATED\b", re.IGNORECASE)
"""How the catalogue marks a generated column; MySQL's DEFAULT_GENERATED is a default that is an expression."""


@dataclass(frozen=True, kw_only=True)
class ServerIdentity:
    """Identity of the server and schema that rows come from; a change of it is an error."""

    server: str
    """Kind of server with ``server_uuid`` (MySQL), or with ``server_uid`` or else ``server_id`` (MariaDB)."""
    schema: str


class Source:
    """An open database; :func:`open_source` makes it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, wire: Wire, database: SourceDatabase, hash_key: bytes
    ) -> None:
        self.connection = connection
        self.wire = wire
        self.database = database
        self.server: Server = detect_server(self.ask)
        self.hash_key = hash_key

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query on the server and return its rows; for small results.

        Raises:
            SourceError: with the server's message, without secrets.
        """
        try:
            with self.wire.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        except (pymysql.MySQLError, OSError) as error:
            raise connection_error(self.database, error) from None

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run SQL in the DuckDB session, over rows that were read.

        Raises:
            SourceError: with DuckDB's message, without secrets.
        """
        try:
            return self.connection.execute(sql)
        except duckdb.Error as error:
            message = redact(str(error), [self.database.password]).splitlines()[0].rstrip(".")
            raise SourceError(
                f"What was read of {self.database.name} could not be written to a local file: {message}:",
                "nothing was written; correct it and run again.",
                public_problem=f"What was read of {self.database.name} could not be written to a local file"
                f" ({error_kind(error)}):",
            ) from None

    def stream_select(self, select: str, columns: Sequence[SourceColumn], path: Path) -> int:
        """Stream the result of ``select``, in its order, into one local Parquet file; uses constant memory.

        Args:
            select: A select with one expression for each column.
            columns: The columns of the result.
            path: The file to write.

        Returns:
            Number of rows.

        Raises:
            SourceError: when the server refuses, the connection is lost, or a value does not fit its column.
        """
        spool = ParquetSpool(self.connection, columns, path, self.hash_key)
        try:
            try:
                stream_to_parquet(self.wire, select, len(columns), spool)
            except (pymysql.MySQLError, OSError) as error:
                raise connection_error(self.database, error) from None
            return spool.finish()
        finally:
            spool.discard()

    @contextmanager
    def snapshot(self) -> Iterator[SnapshotPosition]:
        """Hold one consistent snapshot of all tables open for the queries inside; takes no lock."""
        snapshot_position = self.server.begin_snapshot()
        try:
            yield snapshot_position
        finally:
            if self.wire.open:
                with suppress(pymysql.MySQLError):  # a lost connection has ended the transaction already
                    self.wire.rollback()

    def identity(self) -> ServerIdentity:
        """Identity of the server and the schema."""
        return ServerIdentity(server=self.server.identity(), schema=self.database.name)

    def catalogue_columns(self, table: SourceTable, schema: str = "") -> tuple[SourceColumn, ...]:
        """Every column of a table, in the server's order; empty when the table does not exist or is not visible.

        Args:
            table: The table.
            schema: Schema that has it; this database's own when empty.
        """
        rows = self.ask(
            "select column_name, data_type, column_type, numeric_precision, numeric_scale, character_set_name,"
            " collation_name, character_octet_length, extra from information_schema.columns"
            f" where table_schema = {mysql_literal(schema or self.database.name)}"
            f" and cast(table_name as binary) = cast({mysql_literal(table.name)} as binary) order by ordinal_position"
        )
        return tuple(
            SourceColumn(
                name=name,
                data_type=data_type.lower(),
                column_type=column_type,
                precision=precision,
                scale=scale,
                charset=charset,
                collation=collation,
                max_bytes=octets,
                is_hashed=is_among(name, table.hashed),
                is_generated=GENERATED_PATTERN.search(str(extra)) is not None,
            )
            for name, data_type, column_type, precision, scale, charset, collation, octets, extra in rows
        )

    def with_current_spelling(self, table: SourceTable) -> SourceTable:
        """The declaration with its columns as the server spells them now."""
        return as_spelled(table, [column.name for column in self.catalogue_columns(table)])

    def columns(self, table: SourceTable) -> tuple[SourceColumn, ...]:
        """The columns of a table that are copied, in the server's order.

        Raises:
            SourceError: when the table or a declared column does not exist or is not visible, or a name is reserved.
        """
        columns = self.catalogue_columns(table)
        where = f"Table {self.database.name}.{table.name}"
        if not columns:
            raise SourceError(
                f"{where} does not exist for user {self.database.user}:",
                "check its name in the catalogue and that the user was granted SELECT on it; when it was dropped for"
                " good, take the declaration out of the catalogue: its lake stays.",
            )
        names = [column.name for column in columns]
        for declared_names, role in (
            (set(table.key), "key"),
            (table.private, "private"),
            (table.hashed, "hashed"),
            ({table.cursor} - {""}, "its cursor"),
        ):
            if missing := sorted(name for name in declared_names if not is_among(name, names)):
                raise SourceError(
                    f"{where} has no column {', '.join(missing)}, which the catalogue declares as {role}:",
                    f"it has {', '.join(names)}.",
                )
        copied = tuple(column for column in columns if is_copied(column, table))
        if reserved_names := [column.name for column in copied if column.name.lower() in RESERVED_COLUMNS]:
            raise SourceError(
                f"{where} has a column {', '.join(reserved_names)}, a name that raw rows need for themselves:",
                "mark it private so that it is not copied, or rename it at the source.",
            )
        return copied


@contextmanager
def open_source(stage: Stage, database: str, folder: Path) -> Iterator[Source]:
    """Open ``database`` of the stage for reading; DuckDB spills to ``folder``.

    Raises:
        SourceError: when the stage has no address of it, or the server cannot be reached or refuses the user.
    """
    address = stage.databases.get(database)
    if address is None:
        raise SourceError(
            f"Stage {stage.name} has no address of database {database}, which is read from here now:",
            f"set REFERA_{database.upper()}_URL, also where a function reads it every day.",
        )
    with open_duckdb_session(stage, folder) as connection, closing_wire(open_wire(address)) as wire:
        source = Source(connection, wire, address, stage.hash_key)
        # the server's spelling, which its binlog uses: the URL may differ in case
        source.database = replace(address, name=str(source.ask("select database()")[0][0]))
        yield source
