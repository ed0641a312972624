"""The sample source: a business that never was, in the eight tables of classicmodels.

``create`` drops and rebuilds the tables and fills them with about two years of history that end the day
before ``opening``; ``simulate`` adds the days that follow. The same seed and scale give the same rows.

    people, goods (Python) ──▶ insert ──┐
    ledger (DuckDB, chunks) ──▶ load ───┴──▶ offices … payments, dated before opening in the binary log
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business import goods as sample_goods
from refera_platform.sandbox.business import ledger
from refera_platform.sandbox.business import people as sample_people
from refera_platform.sandbox.business.dice import slot
from refera_platform.sandbox.business.schema import DATABASE_OPTIONS, TABLE_OPTIONS, TABLES
from refera_platform.sandbox.business.session import Admin, Progress, Row, Session, silent
from refera_platform.sandbox.business.vocabulary import OFFICES

__all__ = ["Admin", "Progress", "SampleReport", "create", "require_scale"]

LARGEST_SCALE = 10_000
ROWS_AN_INSERT = 1_000
LINES_AN_ORDER = 9
"""About; only to say how much there is to do."""


@dataclass(frozen=True, kw_only=True)
class SampleReport:
    """What was made."""

    seed: int
    scale: float
    opening: date
    """The first day that is not history."""
    rows: Mapping[str, int]
    """Rows by table."""


def create(admin: Admin, *, seed: int, scale: float, opening: date, progress: Progress = silent) -> SampleReport:
    """Drop and rebuild the eight tables, filled with history that ends the day before ``opening``.

    Only the date by which an order is required may lie later, as a promise does.

    Args:
        admin: Owner of the source.
        seed: Any integer; the same one gives the same rows.
        scale: 1 is about the size of the public sample (326 orders); below 0.3 nothing gets smaller.
        opening: The first day that is not history.
        progress: Told the table that is being filled, and rows made so far of about how many.

    Raises:
        LocalStackError: for a scale out of bounds, or a server that refuses a row.
    """
    require_scale(scale)
    with (
        admin.session() as session,
        session.alone(admin.database),
        TemporaryDirectory(prefix="refera-sample-") as scratch,
    ):
        filling = _Filling(session, opening, _expected_rows(scale), progress)
        filling.rebuild(admin.database)
        staff = sample_people.employees(seed, scale)
        customers = list(sample_people.customers(seed, scale, staff))
        goods = sample_goods.products(seed, scale)
        filling.insert("offices", OFFICES)
        filling.insert("employees", staff)
        filling.insert("customers", customers)
        filling.insert("productlines", sample_goods.product_lines(seed))
        filling.insert("products", [(*item[:7], _money(item.cost_cents), _money(item.price_cents)) for item in goods])
        buyers = [row.number for index, row in enumerate(customers) if slot(f"{seed}/buyer", index, 5) != 0]
        without_rep = [row.number for row in customers if row.rep is None]
        chunks = ledger.write_chunks(
            Path(scratch),
            seed=seed,
            scale=scale,
            opening=opening,
            buyers=buyers,
            pinned={5: without_rep[0], 9: without_rep[1], 13: customers[2].number},
            goods=goods[: sample_goods.sellable(len(goods))],
        )
        for chunk in chunks:
            filling.load(chunk)
        return SampleReport(seed=seed, scale=scale, opening=opening, rows=filling.rows)


def require_scale(scale: float) -> None:
    """Refuse a scale that no sample has.

    Raises:
        LocalStackError: naming the bounds.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise LocalStackError(
            f"A sample of scale {scale} cannot be made:", f"choose a scale above 0 and up to {LARGEST_SCALE}."
        )


class _Filling:
    """The tables while they are made and filled, a second apart in the binary log."""

    def __init__(self, session: Session, opening: date, expected: int, progress: Progress) -> None:
        self.rows = dict.fromkeys(TABLES, 0)
        self._session = session
        self._instant = datetime.combine(opening, time(), UTC) - timedelta(hours=6)
        self._expected = expected
        self._progress = progress

    def rebuild(self, database: str) -> None:
        """Empty tables, whatever was there; parents come after children only because checks are off."""
        self._tick()
        self._session.run(f"create database if not exists `{database}` {DATABASE_OPTIONS}")
        self._session.use(database)
        self._session.run("set foreign_key_checks = 0, unique_checks = 0")
        for table, body in TABLES.items():
            self._session.run(f"drop table if exists {table}")
            self._session.run(f"create table {table} ({body}) {TABLE_OPTIONS}")

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Rows that Python made."""
        places = ", ".join(["%s"] * len(rows[0]))
        for start in range(0, len(rows), ROWS_AN_INSERT):
            self._tick()
            some = rows[start : start + ROWS_AN_INSERT]
            self._session.run_many(f"insert into {table} values ({places})", some)
            self._count(table, len(some))

    def load(self, chunk: ledger.Chunk) -> None:
        """Rows that DuckDB wrote; LOAD DATA LOCAL only warns, so a lost row is looked for here."""
        self._tick()
        loaded = self._session.run(
            f"load data local infile %s into table {chunk.table} character set utf8mb4"
            " fields terminated by ',' optionally enclosed by '\"' escaped by '' lines terminated by '\\n'",
            str(chunk.path),
        )
        warnings = self._session.rows("show warnings")
        if loaded != chunk.rows or warnings:
            said = f" ({warnings[0][2]})" if warnings else ""
            raise LocalStackError(
                f"{loaded} of {chunk.rows} generated rows went into {chunk.table}{said}:",
                "check that the server runs with the settings of `refera up`, and create the sample again.",
            )
        self._count(chunk.table, loaded)

    def _tick(self) -> None:
        self._session.at(self._instant)
        self._instant += timedelta(seconds=1)

    def _count(self, table: str, rows: int) -> None:
        self.rows[table] += rows
        done = sum(self.rows.values())
        self._progress(table, done, max(done, self._expected))


def _expected_rows(scale: float) -> int:
    people = sample_people.customer_count(scale) + sample_goods.product_count(scale)
    return people + ledger.order_count(scale) * (LINES_AN_ORDER + 2)


def _money(cents: int) -> Decimal:
    return Decimal(cents) / 100
