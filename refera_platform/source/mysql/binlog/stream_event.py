"""Events of the change stream of a MySQL or MariaDB server: transactions with what they changed, in binlog order.

``transaction_reader`` yields them; what of them is needed is decided by who reads. Rows are not decoded yet:
``row_decoder`` does.
"""

from typing import NamedTuple

from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.transaction import Transaction


class TransactionBegin(NamedTuple):
    """A committed transaction begins; repeated after a lost connection, without the rows that were yielded before."""

    transaction: Transaction
    resume_position: Position
    """Position at which a later reader must start to see every transaction that is still prepared."""


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


class TransactionCommit(NamedTuple):
    """The current transaction is complete."""


StreamEvent = TransactionBegin | RowsEvent | StatementEvent | UnclearEvent | TransactionCommit
