"""Generator of the sample source: an invented business, in the eight tables of classicmodels.

``create_sample`` drops and recreates the tables and fills them with about two years of history that end the day
before ``opening``; ``simulate`` adds the days that follow. The same seed and scale give the same rows.

    people, goods (Python) ──▶ insert ──┐
    ledger (DuckDB, chunks) ──▶ load ───┴──▶ offices … payments, dated before opening in the binlog
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business import goods as sample_goods
from refera_platform.sandbox.business import order_history
from refera_platform.sandbox.business import people as sample_people
from refera_platform.sandbox.business.schema import DATABASE_OPTIONS, TABLE_DEFINITIONS, TABLE_OPTIONS
from refera_platform.sandbox.business.seeded_dice import seeded_slot
from refera_platform.sandbox.business.session import (
    OnSampleProgress,
    SampleAdmin,
    SampleRow,
    SampleSession,
    ignore_sample_progress,
)
from refera_platform.sandbox.business.vocabulary import OFFICES

__all__ = ["OnSampleProgress", "SampleAdmin", "SampleReport", "create_sample", "require_scale"]

MAX_SCALE = 10_000
MAX_ROWS_PER_INSERT = 1_000
EXPECTED_LINES_PER_ORDER = 9
"""An estimate, for progress only."""


@dataclass(frozen=True, kw_only=True)
class SampleReport:
    """A generated sample."""

    seed: int
    scale: float
    opening: date
    """The first day after the history."""
    rows: Mapping[str, int]
    """Rows by table."""


def create_sample(
    admin: SampleAdmin,
    *,
    seed: int,
    scale: float,
    opening: date,
    on_progress: OnSampleProgress = ignore_sample_progress,
) -> SampleReport:
    """Drop and recreate the eight tables, filled with history that ends the day before ``opening``.

    Only the dates by which orders are required may be later.

    Args:
        admin: Owner of the source.
        seed: Any integer; the same one gives the same rows.
        scale: 1 is about the size of the public sample (326 orders); below 0.3 nothing gets smaller.
        opening: The first day after the history.
        on_progress: Called with the table that is being filled, the rows written so far, and about how many there are.

    Raises:
        LocalStackError: for a scale out of bounds, or a server that refuses a row.
    """
    require_scale(scale)
    with (
        admin.session() as session,
        session.exclusive(admin.database),
        TemporaryDirectory(prefix="refera-sample-") as scratch,
    ):
        writer = _SampleWriter(session, opening, _expected_rows(scale), on_progress)
        writer.rebuild(admin.database)
        staff = sample_people.make_employees(seed, scale)
        customers = list(sample_people.make_customers(seed, scale, staff))
        goods = sample_goods.make_products(seed, scale)
        writer.insert("offices", OFFICES)
        writer.insert("employees", staff)
        writer.insert("customers", customers)
        writer.insert("productlines", sample_goods.make_product_lines(seed))
        writer.insert("products", [(*item[:7], _money(item.cost_cents), _money(item.price_cents)) for item in goods])
        buyers = [row.number for index, row in enumerate(customers) if seeded_slot(f"{seed}/buyer", index, 5) != 0]
        without_rep = [row.number for row in customers if row.rep is None]
        chunks = order_history.write_history_chunks(
            Path(scratch),
            seed=seed,
            scale=scale,
            opening=opening,
            buyers=buyers,
            pinned={5: without_rep[0], 9: without_rep[1], 13: customers[2].number},
            goods=goods[: sample_goods.sellable_count(len(goods))],
        )
        for chunk in chunks:
            writer.load(chunk)
        return SampleReport(seed=seed, scale=scale, opening=opening, rows=writer.rows)


def require_scale(scale: float) -> None:
    """Refuse a scale out of bounds.

    Raises:
        LocalStackError: naming the bounds.
    """
    if not 0 < scale <= MAX_SCALE:
        raise LocalStackError(
            f"A sample of scale {scale} cannot be made:", f"choose a scale above 0 and up to {MAX_SCALE}."
        )


class _SampleWriter:
    """Writer that creates and fills the tables, with binlog timestamps a second apart."""

    def __init__(self, session: SampleSession, opening: date, expected: int, on_progress: OnSampleProgress) -> None:
        self.rows = dict.fromkeys(TABLE_DEFINITIONS, 0)
        self._session = session
        self._instant = datetime.combine(opening, time(), UTC) - timedelta(hours=6)
        self._expected = expected
        self._on_progress = on_progress

    def rebuild(self, database: str) -> None:
        """Recreate all tables empty. Parents may be dropped before children because foreign key checks are off."""
        self._advance_clock()
        self._session.run(f"create database if not exists `{database}` {DATABASE_OPTIONS}")
        self._session.use(database)
        self._session.run("set foreign_key_checks = 0, unique_checks = 0")
        for table, body in TABLE_DEFINITIONS.items():
            self._session.run(f"drop table if exists {table}")
            self._session.run(f"create table {table} ({body}) {TABLE_OPTIONS}")

    def insert(self, table: str, rows: Sequence[SampleRow]) -> None:
        """Insert rows that Python generated."""
        placeholders = ", ".join(["%s"] * len(rows[0]))
        for start in range(0, len(rows), MAX_ROWS_PER_INSERT):
            self._advance_clock()
            batch = rows[start : start + MAX_ROWS_PER_INSERT]
            self._session.run_many(f"insert into {table} values ({placeholders})", batch)
            self._count(table, len(batch))

    def load(self, chunk: order_history.GeneratedChunk) -> None:
        """Load rows that DuckDB wrote. LOAD DATA LOCAL only warns, so lost rows are detected here.

        Raises:
            LocalStackError: when a row was lost or changed.
        """
        self._advance_clock()
        loaded = self._session.run(
            f"load data local infile %s into table {chunk.table} character set utf8mb4"
            " fields terminated by ',' optionally enclosed by '\"' escaped by '' lines terminated by '\\n'",
            str(chunk.path),
        )
        warnings = self._session.rows("show warnings")
        if loaded != chunk.rows or warnings:
            warning = f" ({warnings[0][2]})" if warnings else ""
            raise LocalStackError(
                f"{loaded} of {chunk.rows} generated rows went into {chunk.table}{warning}:",
                "check that the server runs with the settings of `refera up`, and create the sample again.",
            )
        self._count(chunk.table, loaded)

    def _advance_clock(self) -> None:
        self._session.set_clock(self._instant)
        self._instant += timedelta(seconds=1)

    def _count(self, table: str, rows: int) -> None:
        self.rows[table] += rows
        done = sum(self.rows.values())
        self._on_progress(table, done, max(done, self._expected))


def _expected_rows(scale: float) -> int:
    people = sample_people.customer_count(scale) + sample_goods.product_count(scale)
    return people + order_history.order_count(scale) * (EXPECTED_LINES_PER_ORDER + 2)


def _money(cents: int) -> Decimal:
    return Decimal(cents) / 100
