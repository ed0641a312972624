"""The sample business goes on, day by day: inserts, updates and deletes, dated in the binary log.

A day is one transaction, and its first check says that it was there (``simulate_money``): a crash leaves
no half day, and a day that is asked for again is not written twice. Given the seed, the day and the
tables, a day's changes are always the same.

    home/sample.json (how far) ──▶ prepare ──▶ simulate_day, simulate_day, … ──▶ home/sample.json
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business import day_goods, day_orders, day_payments, day_people
from refera_platform.sandbox.business.day_plan import Draft, Step
from refera_platform.sandbox.business.progress import ONE_DAY, Standing, prepare, reached
from refera_platform.sandbox.business.session import Admin, Progress, silent

__all__ = ["Changes", "DayReport", "SimulationReport", "each_day", "simulate", "simulate_day"]

OPENS, BUSINESS = time(7), timedelta(hours=14)


@dataclass
class Changes:
    """Rows of one table that a day changed."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class DayReport:
    """What happened on a simulated day."""

    day: date
    changes: Mapping[str, Changes]
    """By table; a table that nothing happened to is absent."""
    repeated: bool = False
    """The day was in the tables already, and nothing was written."""


@dataclass(frozen=True, kw_only=True)
class SimulationReport:
    """What a simulation did."""

    seed: int
    scale: float
    days: tuple[DayReport, ...]
    simulated_through: date
    """The last day that is in the tables."""


def simulate(
    home: Path,
    *,
    days: int,
    seed: int | None = None,
    scale: float | None = None,
    today: date | None = None,
    progress: Progress = silent,
) -> SimulationReport:
    """Let the business go on for some days, and say what happened; ``each_day`` tells the rules."""
    standing = _begin(home, days=days, seed=seed, scale=scale, today=today, progress=progress)
    reports = tuple(_go_on(home, standing, days, progress))
    return SimulationReport(
        seed=standing.seed,
        scale=standing.scale,
        days=reports,
        simulated_through=standing.through + days * ONE_DAY,
    )


def each_day(
    home: Path,
    *,
    days: int,
    seed: int | None = None,
    scale: float | None = None,
    today: date | None = None,
    progress: Progress = silent,
) -> Iterator[DayReport]:
    """Let the business go on day by day; between two days the caller may look at the source.

    Where there is no sample yet, one is made, before the first day is asked for, so that ``days`` days end
    yesterday. Otherwise the business goes on from the day after ``simulated_through`` in ``sample.json``,
    which is written after each day.

    Args:
        home: Folder of the local stack.
        days: How many days; with 0 only the sample is made.
        seed: Of the sample and of the days; 1 where nothing says otherwise.
        scale: Of the sample; 1 where nothing says otherwise.
        today: The day that is not simulated any more; the present one in UTC.
        progress: Told the table or the day that is being written, and how far it is.

    Raises:
        LocalStackError: if the source cannot be written, or is not the sample that was asked for.
        SettingError: if no local stack was started below ``home``.
    """
    standing = _begin(home, days=days, seed=seed, scale=scale, today=today, progress=progress)
    return _go_on(home, standing, days, progress)


def simulate_day(admin: Admin, day: date, seed: int) -> DayReport:
    """Write one day of business, in one transaction dated within the day (UTC).

    Raises:
        LocalStackError: if the source refuses, or is being simulated by somebody else.
    """
    opens = datetime.combine(day, OPENS, UTC)
    changes: dict[str, Changes] = {}
    with admin.session() as session, session.alone(admin.database):
        session.use(admin.database)
        if day_payments.was_simulated(session, day):
            return DayReport(day=day, changes={}, repeated=True)
        session.at(opens)
        session.run("start transaction")
        steps = _plan(Draft(session=session, seed=seed, day=day))
        for index, step in enumerate(steps, start=1):
            session.at(opens + BUSINESS * index / len(steps))
            changed = session.run_many(step.statement, step.rows)
            table = changes.setdefault(step.table, Changes())
            setattr(table, step.kind, getattr(table, step.kind) + changed)
        session.run("commit")
    return DayReport(day=day, changes=changes)


def _begin(
    home: Path, *, days: int, seed: int | None, scale: float | None, today: date | None, progress: Progress
) -> Standing:
    if days < 0:
        raise LocalStackError(f"{days} days cannot be simulated:", "ask for 0 or more.")
    present = Clock().today() if today is None else today
    return prepare(home, days=days, seed=seed, scale=scale, today=present, progress=progress)


def _go_on(home: Path, standing: Standing, days: int, progress: Progress) -> Iterator[DayReport]:
    admin = Admin.of(home)
    for done in range(days):
        day = standing.through + ONE_DAY
        progress(f"{day}", done, days)
        report = simulate_day(admin, day, standing.seed)
        standing = reached(home, standing, day)
        progress(f"{day}", done + 1, days)
        yield report


def _plan(draft: Draft) -> list[Step]:
    """All that happens on the day, from opening to closing time."""
    goods = draft.session.rows("select productCode, quantityInStock, MSRP from products order by 1")
    if not goods:
        raise LocalStackError("The source has no products to sell:", "restore a dump that has some.")
    stock = {code: quantity for code, quantity, _ in goods}
    prices = {code: price for code, _, price in goods}
    size = day_orders.usual_size(draft)
    day_orders.settle_orders(draft, size)
    newcomers = day_people.welcome_customers(draft, size)
    day_orders.take_orders(draft, size, newcomers, stock, prices)
    day_payments.take_payments(draft, size, newcomers[0])
    day_goods.restock(draft, stock)
    day_goods.change_prices(draft, prices)
    day_goods.rename_line(draft)
    day_people.change_customers(draft, size)
    day_people.move_employee(draft)
    day_orders.delete_orders(draft, size)
    day_payments.correct_payments(draft, size)
    return draft.steps
