"""Router of one ingest run: sends every event of a change stream to the collector of its table.

change events ──▶ StreamRouter ──▶ ChangeCollector (one for each table)

Reads nothing and writes no object: ``stream.reader`` reads, ``stream.day_writer`` writes.
"""

from collections.abc import Sequence
from datetime import date

from refera_platform.errors import ReferaError
from refera_platform.ingest.stream.change_collector import ChangeCollector
from refera_platform.source.change_stream import (
    ChangeEvent,
    RowBatch,
    SchemaChanged,
    StreamEnd,
    TableTruncated,
    TableUnreadable,
    TableUnsettled,
    Transaction,
    TransactionBegin,
    TransactionCommit,
)
from refera_platform.source.fault_isolation import isolated

MAX_PENDING_BYTES = 24 << 20
"""Bytes of row events kept in memory at most, for all tables together; decoded they take about ten times that."""
MAX_PENDING_ROWS = 100_000


class StreamRouter:
    """Routes the events of one database's change stream."""

    def __init__(self, collectors: Sequence[ChangeCollector], latest_second: int, today: date) -> None:
        """Start with no transaction.

        Args:
            collectors: Collectors of the tables.
            latest_second: Second since 1970 that no transaction can be later than: a session's clock may be wrong.
            today: The day on which the end of the stream is reached.
        """
        self._collectors = {collector.table.name: collector for collector in collectors}
        self._latest_second = latest_second
        self._today = today
        self._transaction: Transaction | None = None
        self._receiving_tables: set[str] = set()
        self._pending_bytes = 0

    @property
    def is_done(self) -> bool:
        """Whether every table has all its days, and no table counts rows after its last day."""
        return all(each.has_all_days and each.later_net_rows is None for each in self._collectors.values())

    def route(self, event: ChangeEvent) -> None:
        """Send one event to the table that it concerns."""
        match event:
            case RowBatch():
                self._route_rows(event)
            case TransactionBegin():
                self._begin(event)
            case TransactionCommit():
                self._transaction = None
            case TableTruncated():
                self._truncate(self._collectors[event.table])
            case TableUnsettled():
                self._mark_unsettled(event.table)
            case SchemaChanged():
                self._mark_schema_change(self._collectors[event.table])
            case TableUnreadable():
                self._fail(self._collectors[event.table], event.error)
            case StreamEnd():
                for collector in self._collectors.values():
                    collector.finish(event.position, event.resume_position, self._today)

    def _begin(self, event: TransactionBegin) -> None:
        transaction = event.transaction
        if self._transaction and transaction.position.order == self._transaction.position.order:
            return  # the same one again after a lost connection; the stream repeats no rows
        self._transaction = transaction
        self._receiving_tables = {
            name
            for name, collector in self._collectors.items()
            if collector.begin(transaction, event.resume_position, self._latest_second)
        }

    def _is_receiving(self, collector: ChangeCollector) -> bool:
        """Whether the current transaction lies in one of the table's days."""
        return self._transaction is not None and collector.table.name in self._receiving_tables

    def _route_rows(self, batch: RowBatch) -> None:
        """Add rows to their table, if they are of one of its days or are counted."""
        collector, transaction = self._collectors[batch.table], self._transaction
        if transaction is None or collector.error:
            return
        if not (self._is_receiving(collector) or collector.counts_rows):
            return
        try:
            with isolated(collector.table):
                collector.add_rows(batch, transaction)
                self._pending_bytes += batch.size_bytes
        except ReferaError as error:
            self._fail(collector, error)
        if self._pending_bytes > MAX_PENDING_BYTES or collector.pending_row_count > MAX_PENDING_ROWS:
            self._spill()

    def _fail(self, collector: ChangeCollector, error: ReferaError) -> None:
        """Stop a table whose changes cannot be read; after its last day its rows are only counted no more."""
        if collector.has_all_days:
            collector.stop_counting()
        elif self._is_receiving(collector):
            collector.fail(error)

    def _truncate(self, collector: ChangeCollector) -> None:
        if collector.has_all_days:
            collector.stop_counting()
        elif self._is_receiving(collector) and self._transaction:
            collector.truncate(self._transaction)

    def _mark_unsettled(self, table: str) -> None:
        """Mark that rows of a table changed without row events."""
        collector = self._collectors.get(table)  # a cascade may reach tables that are not copied
        if collector and collector.has_all_days:
            collector.stop_counting()
        elif collector and self._is_receiving(collector):
            collector.mark_unsettled()

    def _mark_schema_change(self, collector: ChangeCollector) -> None:
        self._mark_unsettled(collector.table.name)
        if self._is_receiving(collector) or collector.has_all_days:  # else it is older than the table's last read
            collector.mark_schema_change()

    def _spill(self) -> None:
        self._pending_bytes = 0
        for collector in self._collectors.values():
            collector.spill()
