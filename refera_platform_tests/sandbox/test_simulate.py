"""Simulated days: every kind of change, dated, repeatable, and never half or twice."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business.sample import SampleAdmin
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.simulate import DayReport, simulate_day, simulate_days, simulate_each_day

TODAY = date(2026, 11, 23)
PUBLIC_SAMPLE = Path(__file__).parents[3] / "shared/data/classicmodels/mysqlsampledatabase.sql"
KEYS = {"orderdetails": 2, "payments": 2}
"""Columns of the key, where it is not the first one alone."""

Table = Mapping[tuple[Any, ...], tuple[Any, ...]]


@pytest.fixture
def home(new_home: Callable[[], Path]) -> Path:
    return new_home()


@dataclass(frozen=True)
class Day:
    """One simulated day, and the tables before and after it."""

    report: DayReport
    before: Mapping[str, Table]
    after: Mapping[str, Table]
    events: list[tuple[int, int]]
    """Stamp and type of each event that the day left in the binary log."""

    def inserted(self, table: str) -> list[tuple[Any, ...]]:
        return [row for key, row in self.after[table].items() if key not in self.before[table]]

    def deleted(self, table: str) -> list[tuple[Any, ...]]:
        return [row for key, row in self.before[table].items() if key not in self.after[table]]

    def updated(self, table: str, column: int) -> list[tuple[Any, Any]]:
        """Values of a column before and after, where they differ."""
        pairs = [(row, self.after[table].get(key)) for key, row in self.before[table].items()]
        return [(row[column], new[column]) for row, new in pairs if new and row[column] != new[column]]

    def left(self) -> set[int]:
        """Numbers of orders whose lines all went."""
        return {row[0] for row in self.deleted("orders")}


@pytest.fixture(scope="module")
def three_days(new_home: Callable[[], Path], server: Path) -> list[Day]:
    home = new_home()
    admin = SampleAdmin.from_home(home)
    assert simulate_days(home, days=0, seed=1, scale=0.3, today=TODAY - timedelta(days=3)).days == ()
    days = []
    before, position = tables(admin), log_end(admin)
    for report in simulate_each_day(home, days=3, today=TODAY):
        after = tables(admin)
        days.append(Day(report, before, after, events_since(server, *position)))
        before, position = after, log_end(admin)
    return days


def tables(admin: SampleAdmin) -> dict[str, Table]:
    with admin.session() as session:
        session.use(admin.database)
        found = {table: session.rows(f"select * from {table}") for table in TABLE_DEFINITIONS}
    return {table: {row[: KEYS.get(table, 1)]: row for row in rows} for table, rows in found.items()}


def log_end(admin: SampleAdmin) -> tuple[str, int]:
    with admin.session() as session:
        file, position, *_ = session.rows("show master status")[0]
    return file, position


def events_since(server: Path, file: str, position: int) -> list[tuple[int, int]]:
    """Stamp and type of the events from a position on, read from the log file itself."""
    log = (server / "mariadb" / "data" / file).read_bytes()
    events = []
    while position < len(log):
        header = log[position : position + 19]
        events.append((int.from_bytes(header[:4], "little"), header[4]))
        position += int.from_bytes(header[9:13], "little")
    return events


EVERY_DAY: dict[str, Callable[[Day], object]] = {
    "new orders of the day": lambda day: all(row[1] == day.report.day for row in day.inserted("orders")),
    "an order with a number below the highest": lambda day: (
        min(row[0] for row in day.inserted("orders")) < max(key[0] for key in day.before["orders"])
    ),
    "an order with a number above the highest": lambda day: (
        max(row[0] for row in day.inserted("orders")) > max(key[0] for key in day.before["orders"])
    ),
    "lines of each new order": lambda day: (
        {row[0] for row in day.inserted("orders")} == {row[0] for row in day.inserted("orderdetails")}
    ),
    "a new customer without a rep": lambda day: any(row[11] is None for row in day.inserted("customers")),
    "a new customer with a rep": lambda day: any(row[11] for row in day.inserted("customers")),
    "a customer number below the highest": lambda day: (
        min(row[0] for row in day.inserted("customers")) < max(key[0] for key in day.before["customers"])
    ),
    "an order of a new customer": lambda day: (
        {row[0] for row in day.inserted("customers")} & {row[6] for row in day.inserted("orders")}
    ),
    "new payments of the day": lambda day: (
        len(day.inserted("payments")) > 2 and sum(row[2] == day.report.day for row in day.inserted("payments")) >= 3
    ),
    "two orders shipped": lambda day: (
        sum(new == "Shipped" for _, new in day.updated("orders", 4)) >= 2
        and sum(new == day.report.day for _, new in day.updated("orders", 3)) >= 2
    ),
    "an order taken and shipped": lambda day: any(row[3] == day.report.day for row in day.inserted("orders")),
    "an order put on hold": lambda day: ("In Process", "On Hold") in day.updated("orders", 4),
    "an order disputed": lambda day: ("Shipped", "Disputed") in day.updated("orders", 4),
    "a dispute resolved": lambda day: ("Disputed", "Resolved") in day.updated("orders", 4),
    "an order cancelled": lambda day: any(new == "Cancelled" for _, new in day.updated("orders", 4)),
    "less stock": lambda day: any(new < old for old, new in day.updated("products", 6)),
    "more stock": lambda day: any(new > old for old, new in day.updated("products", 6)),
    "another price": lambda day: day.updated("products", 7) and day.updated("products", 8),
    "another credit limit": lambda day: day.updated("customers", 12),
    "another rep": lambda day: day.updated("customers", 11),
    "a deleted line of an order that stays": lambda day: any(
        row[0] not in day.left() for row in day.deleted("orderdetails")
    ),
    "a deleted order with its lines": lambda day: (
        day.left() and day.left() <= {row[0] for row in day.deleted("orderdetails")}
    ),
    "a deleted payment": lambda day: day.deleted("payments"),
}
SOME_DAYS: dict[str, Callable[[Day], object]] = {
    "a renamed product line": lambda day: (
        [row[1:] for row in day.inserted("productlines")] == [row[1:] for row in day.deleted("productlines")] != []
        and {old for old, _ in day.updated("products", 2)} == {row[0] for row in day.deleted("productlines")}
        and {new for _, new in day.updated("products", 2)} == {row[0] for row in day.inserted("productlines")}
    ),
    "a renumbered check": lambda day: (
        {(row[0], *row[2:]) for row in day.inserted("payments")}
        & {(row[0], *row[2:]) for row in day.deleted("payments")}
    ),
    "an employee who moved": lambda day: day.updated("employees", 5) or day.updated("employees", 6),
}


@pytest.mark.parametrize("kind", EVERY_DAY)
def test_every_day_has(three_days: list[Day], kind: str) -> None:
    assert [day.report.day for day in three_days if not EVERY_DAY[kind](day)] == []


@pytest.mark.parametrize("kind", SOME_DAYS)
def test_one_of_three_days_has(three_days: list[Day], kind: str) -> None:
    assert len([day for day in three_days if SOME_DAYS[kind](day)]) == 1


def test_the_report_counts_what_a_day_inserted_and_deleted(three_days: list[Day]) -> None:
    for day in three_days:
        renumbered = bool(SOME_DAYS["a renumbered check"](day))
        for table in TABLE_DEFINITIONS:
            told = day.report.changes.get(table)
            found = (len(day.inserted(table)), len(day.deleted(table)))
            if renumbered and table == "payments":
                found = (found[0] - 1, found[1] - 1)
            assert ((told.inserted, told.deleted) if told else (0, 0)) == found


def test_what_a_day_wrote_is_dated_within_it_and_in_order(three_days: list[Day]) -> None:
    row_events = {23, 24, 25}
    for day in three_days:
        opens = datetime.combine(day.report.day, time(), UTC).timestamp()
        stamps = [stamp for stamp, kind in day.events if kind in row_events]
        assert len(stamps) > 50
        assert opens <= stamps[0] < stamps[-1] < opens + 86_400
        assert stamps == sorted(stamps)
        assert all(opens <= stamp < opens + 86_400 for stamp, _ in day.events)


def test_a_day_is_one_transaction(three_days: list[Day]) -> None:
    xid = 16
    assert [sum(kind == xid for _, kind in day.events) for day in three_days] == [1, 1, 1]


def test_the_same_seed_gives_the_same_days(new_home: Callable[[], Path]) -> None:
    one, two = new_home(), new_home()
    for home in (one, two):
        simulate_days(home, days=2, seed=4, scale=0.3, today=TODAY)
    assert tables(SampleAdmin.from_home(one)) == tables(SampleAdmin.from_home(two))


def test_another_seed_gives_another_day(new_home: Callable[[], Path]) -> None:
    one, two = new_home(), new_home()
    for home, seed in ((one, 4), (two, 5)):
        simulate_days(home, days=0, seed=4, scale=0.3, today=TODAY)
        simulate_day(SampleAdmin.from_home(home), TODAY, seed)
    assert tables(SampleAdmin.from_home(one))["orders"] != tables(SampleAdmin.from_home(two))["orders"]


def test_the_first_simulation_ends_yesterday_and_the_next_goes_on(home: Path) -> None:
    first = simulate_days(home, days=2, seed=1, scale=0.3, today=TODAY)
    assert [report.day for report in first.days] == [date(2026, 11, 21), date(2026, 11, 22)]
    assert first.simulated_through == date(2026, 11, 22)
    assert said_in(home) == {"seed": 1, "scale": 0.3, "simulated_through": "2026-11-22T23:59:59+00:00"}
    second = simulate_days(home, days=1, today=TODAY)
    assert [report.day for report in second.days] == [date(2026, 11, 23)]
    assert said_in(home)["simulated_through"] == "2026-11-23T23:59:59+00:00"
    assert list(home.glob("sample.json*")) == [home / "sample.json"]


def test_yesterday_is_yesterday_in_utc(home: Path) -> None:
    before = datetime.now(UTC).date()
    through = simulate_days(home, days=1, scale=0.3).simulated_through
    assert through + timedelta(days=1) in {before, datetime.now(UTC).date()}


def test_between_two_days_the_source_and_the_file_show_the_first(home: Path) -> None:
    days = simulate_each_day(home, days=2, scale=0.3, today=TODAY)
    assert next(days).day == date(2026, 11, 21)
    assert said_in(home)["simulated_through"] == "2026-11-21T23:59:59+00:00"
    assert max(row[1] for row in tables(SampleAdmin.from_home(home))["orders"].values()) == date(2026, 11, 21)
    assert next(days).day == date(2026, 11, 22)


def test_progress_tells_each_day(home: Path) -> None:
    told: list[tuple[str, int, int]] = []
    simulate_days(home, days=2, scale=0.3, today=TODAY, on_progress=lambda *step: told.append(step))
    assert told[-4:] == [
        ("2026-11-21", 0, 2),
        ("2026-11-21", 1, 2),
        ("2026-11-22", 1, 2),
        ("2026-11-22", 2, 2),
    ]
    assert told[0][0] == "offices"


def said_in(home: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((home / "sample.json").read_text())
    return said


def test_a_day_that_was_written_but_not_noted_is_not_written_again(home: Path) -> None:
    simulate_days(home, days=2, scale=0.3, today=TODAY)
    before = tables(SampleAdmin.from_home(home))
    said = said_in(home) | {"simulated_through": "2026-11-21T23:59:59+00:00"}
    (home / "sample.json").write_text(json.dumps(said))
    again = simulate_days(home, days=1, today=TODAY)
    assert [(report.day, report.is_repeated) for report in again.days] == [(date(2026, 11, 22), True)]
    assert tables(SampleAdmin.from_home(home)) == before
    assert said_in(home)["simulated_through"] == "2026-11-22T23:59:59+00:00"


def test_a_simulation_killed_in_the_middle_of_a_day_leaves_no_half_day(new_home: Callable[[], Path]) -> None:
    killed, whole = new_home(), new_home()
    for home in (killed, whole):
        simulate_days(home, days=0, scale=0.3, today=TODAY)
    admin = SampleAdmin.from_home(killed)
    before = tables(admin)
    with admin.session() as blocker:
        blocker.use(admin.database)
        blocker.run("start transaction")
        blocker.rows("select * from customers for update")
        code = "import sys; from pathlib import Path; from refera_platform.sandbox.business.simulate import simulate_days; "
        child = subprocess.Popen([sys.executable, "-c", code + "simulate_days(Path(sys.argv[1]), days=1)", killed])
        await_change_of_customers(admin)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    await_alone(admin)
    assert tables(admin) == before
    simulate_days(killed, days=1, today=TODAY)
    simulate_days(whole, days=1, today=TODAY)
    assert tables(admin) == tables(SampleAdmin.from_home(whole))


def await_change_of_customers(admin: SampleAdmin) -> None:
    """Until another session waits to write a customer, which is some way into its day."""
    waiting = "select 1 from information_schema.processlist where info like 'insert into customers%'"
    await_rows(admin, waiting, present=True)


def await_alone(admin: SampleAdmin) -> None:
    """Until the server has noticed that the other session is gone."""
    others = "select 1 from information_schema.processlist where id <> connection_id() and db = database()"
    await_rows(admin, others, present=False)


def await_rows(admin: SampleAdmin, query: str, *, present: bool) -> None:
    deadline = monotonic() + 30
    with admin.session() as session:
        session.use(admin.database)
        while bool(session.rows(query)) is not present:
            assert monotonic() < deadline, query


def test_a_sample_whose_making_was_interrupted_is_made_again(new_home: Callable[[], Path]) -> None:
    broken, whole = new_home(), new_home()
    simulate_days(whole, days=1, seed=9, scale=0.3, today=TODAY)

    def stop(step: str, done: int, total: int) -> None:
        if step == "products":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_days(broken, days=1, seed=9, scale=0.3, today=TODAY, on_progress=stop)
    assert said_in(broken) == {"seed": 9, "scale": 0.3, "simulated_through": None}
    simulate_days(broken, days=1, today=TODAY)
    assert tables(SampleAdmin.from_home(broken)) == tables(SampleAdmin.from_home(whole))


def test_a_bad_scale_leaves_nothing_behind(home: Path) -> None:
    with pytest.raises(LocalStackError, match="choose a scale"):
        simulate_days(home, days=1, scale=0, today=TODAY)
    assert not (home / "sample.json").exists()


@pytest.mark.parametrize("other", [{"seed": 2}, {"scale": 1.0}], ids=["seed", "scale"])
def test_a_sample_does_not_go_on_as_another_one(home: Path, other: dict[str, Any]) -> None:
    simulate_days(home, days=0, seed=1, scale=0.3, today=TODAY)
    with pytest.raises(LocalStackError, match=r"goes on with seed 1 and scale 0\.3"):
        simulate_days(home, days=1, today=TODAY, **other)


def test_a_sample_that_lost_a_table_is_not_simulated(home: Path) -> None:
    simulate_days(home, days=0, scale=0.3, today=TODAY)
    admin = SampleAdmin.from_home(home)
    with admin.session() as session:
        session.run(f"drop table {admin.database}.payments")
    with pytest.raises(LocalStackError, match="lost payments: start over"):
        simulate_days(home, days=1, today=TODAY)
    (home / "sample.json").unlink()
    with pytest.raises(LocalStackError, match="but not payments: restore"):
        simulate_days(home, days=1, today=TODAY)


def test_two_cannot_simulate_at_once(home: Path) -> None:
    simulate_days(home, days=0, scale=0.3, today=TODAY)
    admin = SampleAdmin.from_home(home)
    refused = pytest.raises(LocalStackError, match="wait until they are done")
    with admin.session() as session, session.exclusive(admin.database), refused:
        simulate_days(home, days=1, today=TODAY)


@pytest.mark.parametrize("days", [-1], ids=["less than none"])
def test_a_number_of_days_that_makes_no_sense_is_refused(home: Path, days: int) -> None:
    with pytest.raises(LocalStackError, match="0 or more"):
        simulate_days(home, days=days, today=TODAY)
