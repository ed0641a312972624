"""Capturing days of all log tables of a database in one pass: one consistent view, one reading of the log.

    snapshot (cut) ──▶ log up to the cut ──▶ days of each table ──▶ baselines and repairs read at the cut ──▶ objects

A table that cannot go on is refused by itself. Run it again at any moment: each object says how far it goes.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import LakeError, ReferaError
from refera_platform.lake import windows
from refera_platform.lake.baseline import baseline_rows
from refera_platform.lake.binlog_reading import BinlogReading
from refera_platform.lake.captured import Captured, Filled, Refused
from refera_platform.lake.drift import begun
from refera_platform.lake.isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.log_job import Job
from refera_platform.lake.log_result import LogResults
from refera_platform.lake.log_shapes import Shapes
from refera_platform.lake.log_table import TableLog
from refera_platform.lake.log_write import DayWriter, sums
from refera_platform.lake.pieces import InPieces, Sizes
from refera_platform.lake.piecewise import Piecewise
from refera_platform.lake.proof import require_same_server
from refera_platform.lake.resnapshot import closed, joined, numbered, unknown
from refera_platform.lake.state import RawState
from refera_platform.lake.writer import nothing, write_day
from refera_platform.source.cascades import Cascades, cascades
from refera_platform.source.connection import Identity, Source
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.log.coverage import require_schema_in_log
from refera_platform.source.log.place import proved
from refera_platform.source.log.position import Position
from refera_platform.source.log.settings import require_full_log
from refera_platform.source.names import as_spelled
from refera_platform.source.pull import Pulled, pull
from refera_platform.source.table import SourceTable
from refera_platform.source.totals import grouped, totals
from refera_platform.source.wire import open_wire


class LogCapture:
    """One pass over one database."""

    def __init__(
        self,
        lake: Lake,
        source: Source,
        clock: Clock,
        folder: Path,
        hash_key: bytes,
        sizes: Sizes | None = None,
    ) -> None:
        self._lake = lake
        self._source = source
        self._clock = clock
        self._folder = folder
        self._hash_key = hash_key
        self._now, self._today = clock.now(), clock.today()
        self._identity: Identity = source.identity()
        self._shapes = Shapes(source, hash_key)
        self._piecewise = Piecewise(lake, source, sizes, clock, folder)
        self._folders = 0
        self._wanted: frozenset[str] = frozenset()
        """Names of the tables of the pass."""
        self._is_exact = False
        """Whether what is read in the snapshot has nothing that the log tells again."""

    def run(
        self, tables: Sequence[SourceTable], requested: Sequence[date], *, afresh: Collection[str] = ()
    ) -> Iterator[Captured | Refused | InPieces]:
        """Bring days of several tables into the lake.

        Args:
            tables: Tables of this database whose strategy is ``log``.
            requested: Days, in any order.
            afresh: Names of tables that get a new baseline whatever the lake holds.

        Yields:
            What came of each table, as soon as it is committed.

        Raises:
            SourceError: when the source cannot be read at all.
            LakeError: when the server writes no log, or its log lost changes.
        """
        started = time.monotonic()
        self._wanted = frozenset(table.name for table in tables)
        jobs: list[Job] = []
        for table in tables:
            try:
                with isolated(table):
                    jobs.append(self._job(table, sorted(set(requested)), is_afresh=table.name in afresh))
            except ReferaError as trouble:
                yield Refused(table=table, trouble=trouble)
        if not jobs:
            return
        require_full_log(self._source.server.log_settings())
        require_schema_in_log(self._source)
        with self._source.snapshot() as cut:
            if cut.position is None:
                raise LakeError(
                    "The server writes no log:", "set log_bin in its configuration, or choose compare."
                )
            self._is_exact = cut.is_exact
            end = proved(partial(open_wire, self._source.database), self._source.server, cut.position)
            jobs = yield from self._piecewise.ready(jobs, end, self._binlog.trouble, self._log_of)
            self._binlog.read([log for job in jobs for log in job.logs], end)
            # a second time: the pieces of a resnapshot have rows of the same stretch for another purpose
            self._binlog.read_what_is_left([job.closing for job in jobs if job.closing], end)
            if any(job.is_open for job in jobs):  # all tables: what refers to each other is of one moment
                for job in jobs:
                    self._plan_to_the_present(job, end)
                self._binlog.read([job.later for job in jobs if job.later], end)
            for job in jobs:
                try:
                    with isolated(job.table):
                        done = self._baseline(job, end) if job.plan.baseline else self._days(job, end)
                except ReferaError as trouble:
                    yield Refused(table=job.table, trouble=trouble)
                else:
                    yield done(seconds=time.monotonic() - started)

    def _job(self, table: SourceTable, requested: Sequence[date], *, is_afresh: bool) -> Job:
        require_hash_key(table, self._hash_key)
        table = as_spelled(table, [column.name for column in self._shapes.declared(table)])
        known = self._lake.days(table, self._source.connection)
        states = {day: item.state for day, item in known.items()}
        plan = windows.plan(table.address, requested, states, self._clock, afresh=is_afresh)
        job = Job(table=table, known=known, plan=plan)
        if not is_afresh:
            require_same_server(self._identity, table, job.was)
        if plan.windows:
            job.log = self._log_of(job, plan.windows)
        if (
            plan.closing
            and job.was
            and (job.was.server, job.was.schema) == (self._identity.server, self._identity.schema)
        ):
            job.closing = self._log_of(job, plan.closing)
        return job

    def _plan_to_the_present(self, job: Job, end: Position) -> None:
        """Wants the days after those that were asked for; a table that cannot have them stops by itself."""
        try:
            with isolated(job.table):
                if days := job.days_to_the_present(end, self._clock):
                    job.later = self._log_of(job, days)
                    job.later.has_new_shape = bool(job.log and job.log.has_new_shape)
        except ReferaError as trouble:
            job.failure = trouble

    def _log_of(self, job: Job, windows_of: Sequence[windows.Window]) -> TableLog:
        self._folders += 1
        folder = self._folder / f"log-{self._folders}"
        return job.read(windows_of, self._now.timestamp(), self._source.connection, folder)

    def _baseline(self, job: Job, cut: Position) -> Callable[..., Captured]:
        """The whole table as the new beginning of its history."""
        table, plan = job.table, job.plan.baseline
        if plan is None:
            raise LakeError(f"{table.address} has no day for its baseline:", "ask for a day.")
        before = closed(job, self._writer(table), self._source.server, partial(self._base, table), cut)
        is_complete = bool(job.closing and len(before) == len(job.closing.stretches))
        was, unseen_days = job.before(date.max), [day for day in plan.unseen if day not in job.known]
        own = job.known.get(plan.fill)
        read = self._piecewise.read(job, is_exact=self._is_exact) or self._pulled(table)
        now = {column.name: column.parquet_type for column in read.columns}
        columns, schema_since = begun(job.states, now, plan.fill)
        passes = own.state.passes + 1 if own else 1
        base = self._base(table, was, str(cut))
        since, until = unknown(was, own, read.read_at, self._clock, is_complete=is_complete)
        state = replace(
            base, day=plan.fill, columns=columns, quirks=read.quirks, passes=passes,
            baseline=numbered(own, passes, base.server, cut),
            is_replayable=False, is_whole=True, schema_since=schema_since,
            start_position=job.start_of(own), is_closed=plan.fill < self._today,
            schema_version=was.schema_version + (dict(was.columns) != columns) if was else 1,
            unknown_since=since, unknown_until=until,
        )  # fmt: skip
        for day in unseen_days:
            unseen = replace(state, day=day, is_observed=False, quirks={}, end_position=state.start_position)
            write_day(self._lake, self._source.connection, table, unseen, nothing(unseen), before=None, extends=False,
                      folder=self._folder)  # fmt: skip
        if self._is_exact:
            money, groups = totals(self._source, table)[1], grouped(self._source, table, read.rows)
            state = replace(state, source_rows=read.rows, source_money=money, source_groups=groups)
        there = LocalCopies(self._lake.objects, self._folder).of_state(job.known)
        rows, added = baseline_rows(self._source.connection, table, there, state, read, cut, self._folder)
        kept = own.state.rows if own and own.state.is_observed else {}
        state = replace(state, rows=sums(kept, added), table_rows=read.rows if self._is_exact else None)
        stored = write_day(self._lake, self._source.connection, table, state, rows, before=own.stored if own else None,
                           extends=bool(kept), folder=self._folder)  # fmt: skip
        self._piecewise.done(job)
        job.known = self._lake.days(table, self._source.connection)
        filled = Filled(day=plan.fill, state=state, added=added, bytes=stored.size, url=stored.url)
        return self._results.of(
            job, joined(before, filled), read.rows, unseen=tuple(unseen_days), is_anew=True
        )

    def _days(self, job: Job, cut: Position) -> Callable[..., Captured]:
        """The days that the log told of."""
        table = job.table
        if job.failure:
            raise job.failure
        if not job.logs:  # every requested day stays as it is
            item = job.known[max(job.plan.kept)]
            filled = Filled(day=item.day, state=item.state, bytes=item.stored.size, url=item.stored.url)
            return self._results.of(job, [filled], None)
        writer = self._writer(table)
        written: list[Filled] = []
        last: Position | None = None
        net = job.logs[-1].net
        count, money = totals(self._source, table)
        for log, stretch in job.told():
            if log.failure:
                raise log.failure
            job.require_told(stretch)
            was = job.before(stretch.window.day)
            stretch.is_unsettled |= bool(was and not was.is_settled)
            # only what reaches the present can be settled by reading the table as it is now
            is_newest = stretch is job.stretches[-1] and max(job.known) <= stretch.window.day
            is_present = is_newest and stretch.end is not None and stretch.end.order >= cut.order
            read = self._pulled(table) if stretch.is_unsettled and is_present else None
            if last and stretch.start and stretch.start.order == last.order:
                stretch.start = last  # the same place, with its GTIDs
            if stretch.end and not stretch.end.gtid:
                gtid = self._source.server.gtid_at(stretch.end.file, stretch.end.offset)
                stretch.end = replace(stretch.end, gtid=gtid or "")
            last = stretch.end
            base = self._base(table, was)
            if was and not read and not (stretch.end and stretch.end.order >= cut.order):
                # those of now may be of a later day
                base = replace(
                    base, source_types=was.source_types, collations=was.collations or base.collations
                )
            if is_newest and net is not None and self._is_exact:
                base = replace(base, source_rows=count - net, source_money=money if is_present else None)
                base = replace(base, source_groups=grouped(self._source, table, count) if is_present else {})
            item, added = writer.write(stretch, base, job.known, read=read, cut=cut)
            job.known = dict(sorted({**job.known, item.day: item}.items()))
            written.append(
                Filled(
                    day=item.day, state=item.state, added=added, bytes=item.stored.size, url=item.stored.url
                )
            )
        # of an inexact snapshot nobody knows which of its rows the log has yet to tell
        source_rows = None if net is None or not self._is_exact else count - net
        return self._results.of(job, written, source_rows)

    @cached_property
    def _cascades(self) -> Cascades:
        return cascades(self._source.ask, self._source.database.name, self._wanted)

    @cached_property
    def _binlog(self) -> BinlogReading:
        return BinlogReading(self._source, self._shapes, self._cascades, self._now, self._today)

    @property
    def _results(self) -> LogResults:
        return LogResults(
            source=self._source, folder=self._folder, is_exact=self._is_exact, cascades=self._cascades
        )

    def _writer(self, table: SourceTable) -> DayWriter:
        return DayWriter(
            lake=self._lake, connection=self._source.connection, table=table, folder=self._folder,
            is_exact=self._is_exact,
        )  # fmt: skip

    def _pulled(self, table: SourceTable) -> Pulled:
        return pull(self._source, table, self._folder / "read.parquet", self._clock)

    def _base(self, table: SourceTable, was: RawState | None, end: str = "") -> RawState:
        """What any new object of the table says, before its day is known."""
        return RawState(
            database=table.database, table=table.name, day=self._clock.today(), strategy=table.strategy.value,
            server=self._identity.server, schema=self._identity.schema, start_position="", end_position=end,
            read_at=self._now.isoformat(), schema_since=was.schema_since if was else "",
            columns=was.columns if was else {}, schema_version=was.schema_version if was else 1,
            source_types=self._shapes.source_types(table), collations=self._shapes.collations(table),
        )  # fmt: skip
