"""Capturing days of all log tables of a database in one pass: one consistent view, one reading of the log.

    snapshot (cut) ──▶ log up to the cut ──▶ days of each table ──▶ baselines and repairs read at the cut ──▶ objects

A table that cannot go on is refused by itself. Run it again at any moment: each object says how far it goes.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import LakeError, ReferaError
from refera_platform.lake import layout, windows
from refera_platform.lake.baseline import baseline_rows
from refera_platform.lake.captured import Captured, Filled, Refused
from refera_platform.lake.drift import folded
from refera_platform.lake.lake import Lake, RawObject
from refera_platform.lake.log_pass import LogPass
from refera_platform.lake.log_shapes import Shapes
from refera_platform.lake.log_table import Stretch, TableLog
from refera_platform.lake.log_write import DayWriter, sums
from refera_platform.lake.proof import counted, require_same_server
from refera_platform.lake.state import RawState
from refera_platform.lake.watch import watches
from refera_platform.lake.writer import nothing, write_day
from refera_platform.source.cascades import cascades
from refera_platform.source.connection import Identity, Source
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.log.place import proved, require_same_log
from refera_platform.source.log.position import Position
from refera_platform.source.log.settings import require_full_log
from refera_platform.source.log.transactions import TransactionReader
from refera_platform.source.pull import Pulled, pull
from refera_platform.source.table import SourceTable
from refera_platform.source.types import backticked
from refera_platform.source.wire import open_wire

DAY = 86_400


@dataclass(kw_only=True)
class Job:
    """One table of a pass."""

    table: SourceTable
    known: dict[date, RawObject]
    plan: windows.LogPlan
    log: TableLog | None = None

    was: RawState | None = None
    """What the newest day said of itself before the pass."""

    @property
    def newest(self) -> RawState | None:
        """What the newest observed day says of itself."""
        observed = [item.state for item in self.known.values() if item.state.is_observed]
        return observed[-1] if observed else None


class LogCapture:
    """One pass over one database."""

    def __init__(self, lake: Lake, source: Source, clock: Clock, folder: Path, hash_key: bytes) -> None:
        self._lake = lake
        self._source = source
        self._clock = clock
        self._folder = folder
        self._hash_key = hash_key
        self._now, self._today = clock.now(), clock.today()
        self._identity: Identity = source.identity()
        self._shapes = Shapes(source, hash_key)

    def run(
        self, tables: Sequence[SourceTable], requested: Sequence[date], *, afresh: Collection[str] = ()
    ) -> Iterator[Captured | Refused]:
        """Bring days of several tables into the lake.

        Args:
            tables: Tables of this database whose strategy is ``log``.
            requested: Days, in any order.
            afresh: Names of tables that get a new baseline whatever the lake holds.

        Yields:
            What came of each table, as soon as it is committed.

        Raises:
            SourceError: when the source cannot be read at all.
            LakeError: when the log cannot be read on.
        """
        started = time.monotonic()
        jobs: list[Job] = []
        for table in tables:
            try:
                jobs.append(self._job(table, sorted(set(requested)), is_afresh=table.name in afresh))
            except ReferaError as trouble:
                yield Refused(table=table, trouble=trouble)
        if not jobs:
            return
        require_full_log(self._source.server.log_settings())
        with self._source.snapshot() as cut:
            if cut.position is None:
                raise LakeError(
                    "The server writes no log:", "set log_bin in its configuration, or choose compare."
                )
            end = proved(partial(open_wire, self._source.database), self._source.server, cut.position)
            self._read([job for job in jobs if job.plan.windows], end)
            for job in jobs:
                try:
                    done = self._baseline(job, end) if job.plan.baseline else self._days(job, end)
                except ReferaError as trouble:
                    yield Refused(table=job.table, trouble=trouble)
                else:
                    yield done(seconds=time.monotonic() - started)

    def _job(self, table: SourceTable, requested: Sequence[date], *, is_afresh: bool) -> Job:
        require_hash_key(table, self._hash_key)
        known = self._lake.days(table, self._source.connection)
        states = {day: item.state for day, item in known.items()}
        plan = windows.plan(table.address, requested, states, self._clock, afresh=is_afresh)
        job = Job(table=table, known=known, plan=plan)
        job.was = job.newest
        if not is_afresh:
            require_same_server(self._identity, table, job.newest)
        if plan.windows:
            path = self._folder / f"log-{len(list(self._folder.iterdir()))}"
            path.mkdir()
            baselines = [states[window.day].baseline if window.extends else 0 for window in plan.windows]
            job.log = TableLog(table, plan.windows, baselines, self._source.connection, path)
            if job.newest:
                job.log.source_types = dict(job.newest.source_types)
            # what lies behind the days is counted only when it is little: that of today
            if plan.windows[-1].end or plan.windows[-1].midnight < self._now.timestamp() - DAY:
                job.log.net = None
        return job

    def _read(self, jobs: Sequence[Job], until: Position) -> None:
        """Read the log once for all tables."""
        logs = [job.log for job in jobs if job.log]
        starts = [log.stretches[0].window.resume or log.stretches[0].window.start for log in logs]
        places = {str(place): place for place in starts if place}
        if not places:
            return
        for place in places.values():
            require_same_log(self._source.server, place)
        first = min(places.values(), key=lambda place: place.order)
        database = self._source.database
        horizon = max(self._now, datetime.now(UTC)).timestamp()
        watch = watches(cascades(self._source.ask, database.name), self._shapes.keyed, database.name)
        consumer = LogPass(database.name, logs, watch, self._shapes.decoder, int(horizon))
        reader = TransactionReader(partial(open_wire, database), self._source.server, first, until)
        consumer.resume = lambda: reader.resume
        reader.run(consumer)
        if not consumer.is_done:
            consumer.finish(reader.boundary, reader.resume, self._today)

    def _baseline(self, job: Job, cut: Position) -> Callable[..., Captured]:
        """The whole table as the new beginning of its history."""
        table, plan, was = job.table, job.plan.baseline, job.newest
        if plan is None:
            raise LakeError(f"{table.address} has no day for its baseline:", "ask for a day.")
        own = job.known.get(plan.fill)
        read = self._pulled(table)
        types = folded(
            table.address, [*_shapes(job.known), {name.name: name.parquet_type for name in read.columns}]
        )
        columns = {column.name: types[column.name] for column in read.columns}
        passes = own.state.passes + 1 if own else 1
        base = self._base(table, was, str(cut))
        state = replace(
            base, day=plan.fill, columns=columns, quirks=read.quirks, passes=passes, baseline=passes,
            is_replayable=False,
            start_position=was.end_position if was else "", is_closed=plan.fill < self._today,
            schema_version=was.schema_version + (dict(was.columns) != columns) if was else 1,
        )  # fmt: skip
        for day in plan.unseen:
            unseen = replace(state, day=day, is_observed=False, quirks={}, end_position=state.start_position)
            write_day(self._lake, self._source.connection, table, unseen, nothing(unseen), before=None, extends=False,
                      folder=self._folder)  # fmt: skip
        rows, added = baseline_rows(self._source.connection, table, job.known, state, read, cut, self._folder)
        kept = own.state.rows if own and own.state.is_observed else {}
        state = replace(state, rows=sums(kept, added))
        size = write_day(self._lake, self._source.connection, table, state, rows, before=own.stored if own else None,
                         extends=bool(kept), folder=self._folder)  # fmt: skip
        filled = Filled(day=plan.fill, state=state, added=added, bytes=size,
                        url=self._lake.objects.url(layout.key(table, plan.fill)))  # fmt: skip
        return self._captured(job, [filled], read.rows, unseen=plan.unseen, kept=plan.kept)

    def _days(self, job: Job, cut: Position) -> Callable[..., Captured]:
        """The days that the log told of."""
        table, log = job.table, job.log
        if log is None:  # every requested day stays as it is
            newest = max(day for day in job.plan.kept)
            item = job.known[newest]
            filled = Filled(day=newest, state=item.state, bytes=item.stored.size, url=item.stored.url)
            return self._captured(job, [filled], None, kept=job.plan.kept)
        if log.failure:
            raise log.failure
        writer = DayWriter(
            lake=self._lake, connection=self._source.connection, table=table, folder=self._folder
        )
        written: list[Filled] = []
        last: Position | None = None
        for stretch in log.stretches:
            earlier = [
                item.state
                for day, item in job.known.items()
                if day <= stretch.window.day and item.state.is_observed
            ]
            was = earlier[-1] if earlier else job.newest
            is_pending = stretch.is_unsettled or bool(was and not was.is_settled)
            # only what reaches the present can be settled by reading the table as it is now
            is_present = stretch is log.stretches[-1] and max(job.known) <= stretch.window.day
            is_present = is_present and bool(stretch.end and stretch.end.order >= cut.order)
            stretch.is_unsettled = is_pending
            read = self._pulled(table) if is_pending and is_present else None
            if last and stretch.start and stretch.start.order == last.order:
                stretch.start = last  # the same place, with its GTIDs
            if stretch.end and not stretch.end.gtid:
                gtid = self._source.server.gtid_at(stretch.end.file, stretch.end.offset)
                stretch.end = replace(stretch.end, gtid=gtid or "")
            last = stretch.end
            written.append(writer.write(stretch, self._base(table, was, ""), job.known, read=read, cut=cut))
            job.known = self._lake.days(table, self._source.connection)
            self._require_settled(table, stretch)
        count = self._source.ask(f"select cast(count(*) as signed) from {backticked(table.name)}")[0][0]
        return self._captured(
            job, written, None if log.net is None else int(count) - log.net, kept=job.plan.kept
        )

    def _require_settled(self, table: SourceTable, stretch: Stretch) -> None:
        if stretch.is_unsettled and stretch.window.end:
            raise LakeError(
                f"Day {stretch.window.day} of {table.address} was read again from the log, which does not tell all that"
                " happened on it (the table was altered, or rows went with those they refer to):",
                f"refera resnapshot {table.address}",
            )

    def _pulled(self, table: SourceTable) -> Pulled:
        return pull(self._source, table, self._folder / "read.parquet", self._clock)

    def _base(self, table: SourceTable, was: RawState | None, end: str) -> RawState:
        """What any new object of the table says, before its day is known."""
        return RawState(
            database=table.database, table=table.name, day=self._clock.today(), strategy=table.strategy.value,
            server=self._identity.server, schema=self._identity.schema, start_position="", end_position=end,
            read_at=self._now.isoformat(),
            columns=was.columns if was else {}, schema_version=was.schema_version if was else 1,
            source_types=self._shapes.source_types(table),
        )  # fmt: skip

    def _captured(
        self, job: Job, written: Sequence[Filled], source_rows: int | None, *, unseen: tuple[date, ...] = (),
        kept: tuple[date, ...] = (),
    ) -> Callable[..., Captured]:  # fmt: skip
        """What came of the table; the caller adds how long it took."""
        last, was = written[-1], job.was
        lake_rows, rows_twice = counted(self._lake, self._source.connection, job.table)
        return partial(
            Captured, table=job.table, filled=tuple(written), unseen=unseen, kept=kept, source_rows=source_rows,
            gone=tuple(name for name in was.columns if name not in last.state.columns) if was else (),
            lake_rows=lake_rows, rows_twice=rows_twice,
        )  # fmt: skip


def _shapes(known: Mapping[date, RawObject]) -> list[Mapping[str, str]]:
    return [item.state.columns for item in known.values() if item.state.is_observed]
