"""Events of the binlog inside a transaction: rows and statements, in the order in which they were committed.

``transaction_reader`` yields them; ``mysql.change_stream`` says what they mean for each table. Rows are not decoded
yet: ``row_decoder`` does.
"""

from typing import NamedTuple

from refera_platform.source.change_stream import TransactionBegin, TransactionCommit


class RowsEvent(NamedTuple):
    """Rows of the current transaction."""

    operation: str
    """``c`` created, ``u`` updated, ``d`` deleted."""
    version: int
    """Version of the event's format."""
    table_map: bytes
    """The table map that the rows belong to, as in the binlog."""
    body: bytes
    """Body from the table id on, uncompressed, without a checksum."""


class StatementEvent(NamedTuple):
    """A statement of the current transaction: DDL, or DML that was written as a statement instead of rows."""

    schema: str
    """Default schema of the session that ran it."""
    sql: str


class UnclearEvent(NamedTuple):
    """Rows may have changed, or been rolled back, without row events: compare the tables with the source."""


BinlogEvents = TransactionBegin | RowsEvent | StatementEvent | UnclearEvent | TransactionCommit
