"""A consumer that writes down what the log tells, and places to read it from."""

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial

from refera_platform.source.mysql.binlog.stream_event import (
    RowsEvent,
    StatementEvent,
    TransactionBegin,
    TransactionCommit,
    UnclearEvent,
)
from refera_platform.source.mysql.binlog.table_map import read_table_map
from refera_platform.source.mysql.binlog.transaction import Transaction
from refera_platform.source.mysql.binlog.transaction_reader import TransactionReader
from refera_platform.source.mysql.wire import Wire, open_wire
from refera_platform.source.position import Position
from refera_platform_tests.local_stack import source_of


class Listener:
    """Remembers each transaction as ``[place, what, what, …]``."""

    def __init__(self):
        self.told: list[tuple[Transaction, list[str]]] = []

    def listen(self, stream):
        """Write down what each event says."""
        for event in stream:
            match event:
                case TransactionBegin(transaction=transaction):
                    if not self.told or self.told[-1][0].position.order != transaction.position.order:
                        self.told.append((transaction, []))
                case RowsEvent():
                    self.told[-1][1].append(f"{event.operation} {read_table_map(event.table_map).table}")
                case StatementEvent(schema, sql):
                    self.told[-1][1].append(f"{schema}: {sql}")
                case UnclearEvent():
                    self.told[-1][1].append("unclear")
                case TransactionCommit():
                    self.told[-1][1].append("commit")

    @property
    def stories(self):
        """What each transaction told, without those that told nothing."""
        return [story for _, story in self.told if story not in ([], ["commit"])]


def end_of_log(source) -> Position:
    """The place in the log at this moment."""
    with source.snapshot() as cut:
        return cut.position


@contextmanager
def from_here(stage):
    """A function that reads on from this moment to the present and gives the listener and the reader."""
    database = stage.databases["classicmodels"]
    with source_of(stage) as source:
        start = end_of_log(source)

        def read(connect: Callable[[], Wire] | None = None, since: Position = start):
            listener = Listener()
            reader = TransactionReader(
                connect or partial(open_wire, database), source.server, since, end_of_log(source)
            )
            listener.listen(reader.read_events())
            return listener, reader

        yield read
