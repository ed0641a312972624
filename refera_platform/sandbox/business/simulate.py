"""Simulation of the sample business, day by day: inserts, updates and deletes, dated in the binlog.

A day is one transaction, and its first check marks it as simulated (``day_payments``). So a crash leaves no half day,
and a repeated day is not written twice. The seed, the day and the tables determine all changes of a day.

    home/sample.json ──▶ prepare_sample ──▶ simulate_day, simulate_day, … ──▶ home/sample.json
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business import day_goods, day_orders, day_payments, day_people
from refera_platform.sandbox.business.day_plan import DayDraft, DayStep
from refera_platform.sandbox.business.sample_state import ONE_DAY, SampleState, prepare_sample, save_simulated_day
from refera_platform.sandbox.business.session import OnSampleProgress, SampleAdmin, ignore_sample_progress

__all__ = ["ChangeCounts", "DayReport", "SimulationReport", "simulate_day", "simulate_days", "simulate_each_day"]

OPENING_TIME, OPENING_HOURS = time(7), timedelta(hours=14)


@dataclass
class ChangeCounts:
    """Rows of one table that a day changed."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class DayReport:
    """Changes of one simulated day."""

    day: date
    changes: Mapping[str, ChangeCounts]
    """By table; unchanged tables are absent."""
    is_repeated: bool = False
    """The day was in the tables already, and nothing was written."""


@dataclass(frozen=True, kw_only=True)
class SimulationReport:
    """Result of a simulation."""

    seed: int
    scale: float
    days: tuple[DayReport, ...]
    simulated_through: date
    """The last day that is in the tables."""


def simulate_days(
    home: Path,
    *,
    days: int,
    seed: int | None = None,
    scale: float | None = None,
    today: date | None = None,
    on_progress: OnSampleProgress = ignore_sample_progress,
) -> SimulationReport:
    """Simulate some days, and return a report; see ``simulate_each_day`` for arguments and errors."""
    state = _prepare_state(home, days=days, seed=seed, scale=scale, today=today, on_progress=on_progress)
    reports = tuple(_simulate_from(home, state, days, on_progress))
    return SimulationReport(
        seed=state.seed,
        scale=state.scale,
        days=reports,
        simulated_through=state.through + days * ONE_DAY,
    )


def simulate_each_day(
    home: Path,
    *,
    days: int,
    seed: int | None = None,
    scale: float | None = None,
    today: date | None = None,
    on_progress: OnSampleProgress = ignore_sample_progress,
) -> Iterator[DayReport]:
    """Simulate day by day; between two days the caller may read the source.

    Where there is no sample yet, one is created first, dated so that ``days`` days end yesterday. Otherwise the
    business continues on the day after ``simulated_through`` in ``sample.json``, which is written after each day.

    Args:
        home: Folder of the local stack.
        days: How many days; 0 only creates the sample.
        seed: Seed of the sample and of the days; ``None`` keeps that of the sample, or 1 for a new one.
        scale: Scale of the sample; ``None`` keeps that of the sample, or 1 for a new one.
        today: The first day that is not simulated; by default the present day in UTC.
        on_progress: Called with the table or day that is being written, and the progress.

    Yields:
        A report of each simulated day.

    Raises:
        LocalStackError: if the source cannot be written, or is not the sample that was requested.
        SettingError: if no local stack was started below ``home``.
    """
    state = _prepare_state(home, days=days, seed=seed, scale=scale, today=today, on_progress=on_progress)
    return _simulate_from(home, state, days, on_progress)


def simulate_day(admin: SampleAdmin, day: date, seed: int) -> DayReport:
    """Write one day of business, in one transaction dated within the day (UTC).

    Raises:
        LocalStackError: if the source refuses, or another process is simulating it.
    """
    opens = datetime.combine(day, OPENING_TIME, UTC)
    changes: dict[str, ChangeCounts] = {}
    with admin.session() as session, session.exclusive(admin.database):
        session.use(admin.database)
        if day_payments.is_day_simulated(session, day):
            return DayReport(day=day, changes={}, is_repeated=True)
        session.set_clock(opens)
        session.run("start transaction")
        steps = _plan_day(DayDraft(session=session, seed=seed, day=day))
        for index, step in enumerate(steps, start=1):
            session.set_clock(opens + OPENING_HOURS * index / len(steps))
            changed = session.run_many(step.statement, step.rows)
            table = changes.setdefault(step.table, ChangeCounts())
            setattr(table, step.kind, getattr(table, step.kind) + changed)
        session.run("commit")
    return DayReport(day=day, changes=changes)


def _prepare_state(
    home: Path, *, days: int, seed: int | None, scale: float | None, today: date | None, on_progress: OnSampleProgress
) -> SampleState:
    if days < 0:
        raise LocalStackError(f"{days} days cannot be simulated:", "ask for 0 or more.")
    current_day = Clock().today() if today is None else today
    return prepare_sample(home, days=days, seed=seed, scale=scale, today=current_day, on_progress=on_progress)


def _simulate_from(home: Path, state: SampleState, days: int, on_progress: OnSampleProgress) -> Iterator[DayReport]:
    admin = SampleAdmin.from_home(home)
    for done in range(days):
        day = state.through + ONE_DAY
        on_progress(f"{day}", done, days)
        report = simulate_day(admin, day, state.seed)
        state = save_simulated_day(home, state, day)
        on_progress(f"{day}", done + 1, days)
        yield report


def _plan_day(draft: DayDraft) -> list[DayStep]:
    """All changes of the day, from opening to closing time."""
    goods = draft.session.rows("select productCode, quantityInStock, MSRP from products order by 1")
    if not goods:
        raise LocalStackError("The source has no products to sell:", "restore a dump that has some.")
    stock = {code: quantity for code, quantity, _ in goods}
    prices = {code: price for code, _, price in goods}
    size = day_orders.usual_order_count(draft)
    day_orders.settle_orders(draft, size)
    newcomers = day_people.insert_customers(draft, size)
    day_orders.take_orders(draft, size, newcomers, stock, prices)
    day_payments.take_payments(draft, size, newcomers[0])
    day_goods.restock_products(draft, stock)
    day_goods.change_prices(draft, prices)
    day_goods.rename_product_line(draft)
    day_people.change_customers(draft, size)
    day_people.move_employee(draft)
    day_orders.delete_orders(draft, size)
    day_payments.correct_payments(draft, size)
    return draft.steps
