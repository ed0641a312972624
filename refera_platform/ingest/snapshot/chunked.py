"""Whether a baseline is read whole or in pieces, and what becomes of the pieces: decided in the pass that wants it."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import DamagedError, LakeError, ReferaError, SourceError
from refera_platform.ingest.result import Refused
from refera_platform.ingest.snapshot.chunk_merge import assembled, window_since
from refera_platform.ingest.snapshot.chunks import (
    InPieces,
    Piece,
    PiecePlan,
    Sizes,
    Staging,
    plan_pieces,
    read_pieces,
    rows_each,
)
from refera_platform.ingest.stream.day_windows import Window
from refera_platform.ingest.stream.table_changes import TableLog
from refera_platform.ingest.stream.table_task import Job
from refera_platform.lake.isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.source.connection import Source
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import Pulled
from refera_platform.source.table import SourceTable
from refera_platform.source.totals import totals
from refera_platform.source.types import Column

Trouble = Callable[[Position], LakeError | None]


class Piecewise:
    """The baselines of one pass over a database."""

    def __init__(self, lake: Lake, source: Source, sizes: Sizes | None, clock: Clock, folder: Path) -> None:
        self._lake = lake
        self._source = source
        self._sizes = sizes
        self._clock = clock
        self._folder = folder

    def ready(
        self,
        jobs: Sequence[Job],
        cut: Position,
        trouble: Trouble,
        log_of: Callable[[Job, list[Window]], TableLog],
    ) -> Generator[Refused | InPieces, None, list[Job]]:
        """The tables that can be captured now; of a large one without a baseline the pieces come first.

        Args:
            jobs: The tables of the pass.
            cut: Place in the log of the snapshot that the pass is in.
            trouble: Says why the log cannot be read on from a place.
            log_of: Makes what collects the rows that the log tells.
        """
        ready = []
        for job in jobs:
            try:
                with isolated(job.table):
                    missing = self._missing(job, cut, trouble) if job.plan.baseline else None
                    if not missing and job.pieces and job.plan.baseline:
                        job.log = log_of(job, [window_since(job.pieces, job.plan.baseline.fill)])
            except ReferaError as refusal:
                yield Refused(table=job.table, trouble=refusal)
                continue
            if missing:
                yield missing
                continue
            ready.append(job)
        return ready

    def read(self, job: Job, *, is_exact: bool) -> Pulled | None:
        """The table at the pass's cut, put together from its pieces; ``None`` for one that has none.

        Raises:
            SourceError: when that cannot be done; the pieces are thrown away then.
            DamagedError: when the bytes of a piece are not those that were written; the same holds.
            LakeError: when a piece is gone: another call has put the table together meanwhile.
        """
        if job.pieces is None or job.log is None:
            return None
        try:
            return assembled(
                self._source,
                job.table,
                job.pieces,
                self._received(job, job.pieces),
                job.log,
                self._clock,
                self._folder,
                is_exact=is_exact,
            )
        except (SourceError, DamagedError):  # what is thrown away is read anew by the next run
            Staging(self._lake, job.table).discard(job.pieces)
            raise

    def done(self, job: Job) -> None:
        """The baseline is committed: its pieces have served."""
        if job.pieces:
            Staging(self._lake, job.table).discard(job.pieces)

    def _received(self, job: Job, plan: PiecePlan) -> list[Piece]:
        """The pieces as copies whose bytes were compared; what they say of themselves is read there once more."""
        staging, folder = Staging(self._lake, job.table), self._folder / "pieces"
        named = {staging.key(plan, piece.number): "" for piece in job.staged}
        copies = LocalCopies(self._lake.objects, folder).paths(named)
        return read_pieces(self._source, list(copies.values()))

    def _missing(self, job: Job, cut: Position, trouble: Trouble) -> InPieces | None:
        """The pieces that must be read first; nothing when the table is small, or when all pieces are there.

        Raises:
            LakeError: when a piece was read after this pass began.
        """
        table, staging = job.table, Staging(self._lake, job.table)
        columns = self._source.columns(table)
        rows, _ = totals(self._source, table)
        if self._sizes is None or (each := rows_each(self._source, table, self._sizes, rows)) is None:
            return None
        plan = staging.plan()
        if plan is None or not self._serves(plan, table, columns, self._sizes) or trouble(plan.start):
            plan = plan_pieces(self._source, table, columns, cut, self._sizes, each)
            staging.begin(plan)
        there = staging.pieces(plan)
        missing = tuple(number for number in range(plan.count) if number not in there)
        if missing:
            return InPieces(table=table, plan=plan.id, missing=missing, count=plan.count)
        # these and no others: what another call adds, removes or begins anew must not change what is put together
        job.pieces, job.staged = plan, read_pieces(self._source, [item.url for item in there.values()])
        if any(Position.parse(piece.position).order > cut.order for piece in job.staged):
            raise LakeError(
                f"A piece of {table.address} was read after this pass began:", "run it again.", passing=True
            )
        return None

    def _serves(self, plan: PiecePlan, table: SourceTable, columns: Sequence[Column], sizes: Sizes) -> bool:
        """Whether its pieces can be put together, and are no larger than they may be now."""
        return plan.most_rows <= sizes.rows and plan.is_of(self._source, table, columns)
