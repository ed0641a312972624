"""A consumer that writes down what the log tells, and places to read it from."""

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial

from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.transaction import Transaction
from refera_platform.source.mysql.binlog.transaction_reader import TransactionReader
from refera_platform.source.mysql.wire import Wire, open_wire
from refera_platform_tests.local_stack import source_of


class Listener:
    """Remembers each transaction as ``[place, what, what, …]``."""

    is_done = False

    def __init__(self):
        self.told: list[tuple[Transaction, list[str]]] = []

    def begin(self, transaction):
        if not self.told or self.told[-1][0].position.order != transaction.position.order:
            self.told.append((transaction, []))
        return True

    def rows(self, operation, version, table_map, body):
        length = table_map[8]
        at = 10 + length
        self.told[-1][1].append(f"{operation} {table_map[at + 1 : at + 1 + table_map[at]].decode()}")

    def statement(self, schema, sql):
        self.told[-1][1].append(f"{schema}: {sql}")

    def unclear(self):
        self.told[-1][1].append("unclear")

    def commit(self):
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
            reader.read_transactions(listener)
            return listener, reader

        yield read
