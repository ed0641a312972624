"""Simulation of the sample business, day by day: inserts, updates and deletes, dated in the binlog.

A day is one transaction, and its first check marks it as simulated. So a crash leaves no half day, and a repeated day
is not written twice. The seed, the day and the tables determine all changes of a day (``day``).

    home/sample.json ──▶ simulate_day, simulate_day, … ──▶ home/sample.json
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business.chance import throw
from refera_platform.sandbox.business.day import day_statements
from refera_platform.sandbox.business.history import HISTORY_DAYS
from refera_platform.sandbox.business.orders import fill_comments
from refera_platform.sandbox.business.people import fill_identities
from refera_platform.sandbox.business.sample_state import ONE_DAY, read_sample_state, write_sample_state
from refera_platform.sandbox.business.session import SampleAdmin, SampleSession

OPENING_TIME, OPENING_HOURS = time(7), timedelta(hours=14)
MIN_ORDERS_PER_DAY, IDENTITIES_PER_DAY = 6, 45
_CHANGE = re.compile(r"\s*(insert|update|delete)(?: into| from)? (\w+)")
"""Beginning of a statement that changes a table of the source."""
_WIDE_COLUMNS_SQL = """
select count(*) from information_schema.columns where table_schema = database() and character_set_name like 'utf8%'
and (table_name, column_name) in (('customers', 'customerName'), ('orders', 'comments'))"""


@dataclass(frozen=True, kw_only=True)
class DayReport:
    """Changes of one simulated day."""

    day: date
    changes: Mapping[tuple[str, str], int]
    """Rows by table, and ``insert``, ``update`` or ``delete``; a row that changed twice counts twice."""
    is_repeated: bool = False
    """The day was in the tables already, and nothing was written."""


def simulate_days(home: Path, days: int) -> Iterator[DayReport]:
    """Simulate the days after the last one in ``sample.json``, which is written after each day.

    Between two days the caller may read the source.

    Raises:
        LocalStackError: if the source cannot be written, or ``prepare_sample`` has not ended.
        SettingError: if no local stack was started below ``home``.
    """
    admin, state = SampleAdmin.from_home(home), read_sample_state(home)
    if state is None or state.is_incomplete:
        raise LocalStackError(f"There is no sample to simulate in {home}:", "make it with `refera simulate`.")
    for _ in range(days):
        state = replace(state, through=state.through + ONE_DAY)
        report = simulate_day(admin, state.through, state.seed)
        write_sample_state(home, state)
        yield report


def simulate_day(admin: SampleAdmin, day: date, seed: int) -> DayReport:
    """Write one day of business, in one transaction dated within the day (UTC), unless it was written before."""
    opens, topic, first_check = datetime.combine(day, OPENING_TIME, UTC), f"{seed}/{day}", f"DY{day:%Y%m%d}"
    changes: Counter[tuple[str, str]] = Counter()
    with admin.session() as session, session.exclusive(admin.database):
        session.use(admin.database)
        if session.rows("select 1 from payments where checkNumber = %s limit 1", first_check):
            return DayReport(day=day, changes={}, is_repeated=True)
        session.set_variables(seed=topic, day=day, first_check=first_check)
        is_wide = session.column(_WIDE_COLUMNS_SQL) == [2]
        fill_identities(session, topic, IDENTITIES_PER_DAY, is_wide=is_wide)
        fill_comments(session, is_wide=is_wide)
        statements = list(day_statements(_order_count(session), day))
        session.run("set transaction isolation level read committed")
        session.run("start transaction")
        for index, statement in enumerate(statements, start=1):
            session.set_clock(opens + OPENING_HOURS * index / len(statements))
            changed = session.run(statement)
            if match := _CHANGE.match(statement):
                changes[match[2], match[1]] += changed
        session.run("commit")
    return DayReport(day=day, changes=changes)


def _order_count(session: SampleSession) -> int:
    """About as many orders come in as on a day of the history."""
    products, orders = session.rows("select (select count(*) from products), (select count(*) from orders)")[0]
    if not products:
        raise LocalStackError("The source has no products to sell:", "restore a dump that has some.")
    usual: int = max(MIN_ORDERS_PER_DAY, orders // HISTORY_DAYS)
    return usual + int(session.column(f"select {throw('size', '0')} % {usual // 3 + 1}")[0])
