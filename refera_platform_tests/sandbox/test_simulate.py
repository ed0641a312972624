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
from refera_platform.sandbox.business.sample_state import SampleSettings, prepare_sample
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.session import SampleAdmin
from refera_platform.sandbox.business.simulate import DayReport, simulate_day, simulate_days
from refera_platform_tests.sandbox.conftest import simulated

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


@pytest.fixture(scope="module")
def three_days(new_home: Callable[[], Path], server: Path) -> list[Day]:
    home = new_home()
    admin = SampleAdmin.from_home(home)
    assert simulated(home, days=0, seed=1, scale=0.3, today=TODAY - timedelta(days=3)) == []
    days = []
    before, position = tables(admin), log_end(admin)
    for report in simulate_days(home, 3):
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


def test_the_report_counts_what_a_day_inserted_and_deleted(three_days: list[Day]) -> None:
    for day in three_days:
        renumbered = day.report.changes.get(("payments", "update"), 0)
        for table in TABLE_DEFINITIONS:
            counts = [day.report.changes.get((table, kind), 0) for kind in ("insert", "delete")]
            one, two = day.after[table].keys(), day.before[table].keys()
            more = renumbered if table == "payments" else 0
            assert [count + more for count in counts] == [len(one - two), len(two - one)]


def test_the_report_counts_what_a_day_updated(three_days: list[Day]) -> None:
    for day in three_days:
        for table in ("customers", "employees", "orders", "products"):
            kept = day.before[table].keys() & day.after[table].keys()
            changed = [key for key in kept if day.before[table][key] != day.after[table][key]]
            assert day.report.changes.get((table, "update"), 0) >= len(changed)
            assert bool(changed) is (table != "employees" or ("employees", "update") in day.report.changes)


def test_what_a_day_wrote_is_dated_within_it_and_in_order(three_days: list[Day]) -> None:
    row_events = {23, 24, 25}
    for day in three_days:
        opens = datetime.combine(day.report.day, time(), UTC).timestamp()
        stamps = [stamp for stamp, kind in day.events if kind in row_events]
        assert len(set(stamps)) > 20
        assert opens <= stamps[0] < stamps[-1] < opens + 86_400
        assert stamps == sorted(stamps)
        assert all(opens <= stamp < opens + 86_400 for stamp, _ in day.events)


def test_a_day_is_one_transaction(three_days: list[Day]) -> None:
    xid = 16
    assert [sum(kind == xid for _, kind in day.events) for day in three_days] == [1, 1, 1]


def test_the_same_seed_gives_the_same_days_at_once_and_one_by_one(new_home: Callable[[], Path]) -> None:
    one, two = new_home(), new_home()
    simulated(one, days=3, seed=4, scale=0.3, today=TODAY)
    simulated(two, days=0, seed=4, scale=0.3, today=TODAY - timedelta(days=3))
    for _ in range(3):
        simulated(two, days=1)
    assert tables(SampleAdmin.from_home(one)) == tables(SampleAdmin.from_home(two))
    assert said_in(one) == said_in(two)


def test_another_seed_gives_another_day(new_home: Callable[[], Path]) -> None:
    one, two = new_home(), new_home()
    for home, seed in ((one, 4), (two, 5)):
        simulated(home, days=0, seed=4, scale=0.3, today=TODAY)
        simulate_day(SampleAdmin.from_home(home), TODAY, seed)
    assert tables(SampleAdmin.from_home(one))["orders"] != tables(SampleAdmin.from_home(two))["orders"]


def test_the_first_simulation_ends_yesterday_and_the_next_goes_on(home: Path) -> None:
    first = simulated(home, days=2, seed=1, scale=0.3, today=TODAY)
    assert [report.day for report in first] == [date(2026, 11, 21), date(2026, 11, 22)]
    assert said_in(home) == {"seed": 1, "scale": 0.3, "simulated_through": "2026-11-22T23:59:59+00:00"}
    second = simulated(home, days=1, today=TODAY)
    assert [report.day for report in second] == [date(2026, 11, 23)]
    assert said_in(home)["simulated_through"] == "2026-11-23T23:59:59+00:00"
    assert list(home.glob("sample.json*")) == [home / "sample.json"]


def test_yesterday_is_yesterday_in_utc(home: Path) -> None:
    before = datetime.now(UTC).date()
    (report,) = simulated(home, days=1, scale=0.3)
    assert report.day + timedelta(days=1) in {before, datetime.now(UTC).date()}


def test_between_two_days_the_source_and_the_file_show_the_first(home: Path) -> None:
    simulated(home, days=0, scale=0.3, today=TODAY - timedelta(days=2))
    days = simulate_days(home, 2)
    assert next(days).day == date(2026, 11, 21)
    assert said_in(home)["simulated_through"] == "2026-11-21T23:59:59+00:00"
    assert max(row[1] for row in tables(SampleAdmin.from_home(home))["orders"].values()) == date(2026, 11, 21)
    assert next(days).day == date(2026, 11, 22)


def test_the_progress_grows_to_the_end(home: Path) -> None:
    steps = list(prepare_sample(home, SampleSettings(days=1, scale=0.3, today=TODAY)))
    assert {step.table for step in steps} == set(TABLE_DEFINITIONS)
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert sum(len(rows) for rows in tables(SampleAdmin.from_home(home)).values()) == done[-1] <= steps[-1].total
    assert list(prepare_sample(home, SampleSettings(days=1, today=TODAY))) == []


def test_a_sample_that_is_not_there_is_not_simulated(home: Path) -> None:
    with pytest.raises(LocalStackError, match="no sample to simulate"):
        next(simulate_days(home, 1))
    next(prepare_sample(home, SampleSettings(days=1, scale=0.3, today=TODAY)))
    with pytest.raises(LocalStackError, match="no sample to simulate"):
        next(simulate_days(home, 1))


def said_in(home: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((home / "sample.json").read_text())
    return said


def test_a_day_that_was_written_but_not_noted_is_not_written_again(home: Path) -> None:
    simulated(home, days=2, scale=0.3, today=TODAY)
    before = tables(SampleAdmin.from_home(home))
    said = said_in(home) | {"simulated_through": "2026-11-21T23:59:59+00:00"}
    (home / "sample.json").write_text(json.dumps(said))
    again = simulated(home, days=1, today=TODAY)
    assert [(report.day, report.is_repeated) for report in again] == [(date(2026, 11, 22), True)]
    assert tables(SampleAdmin.from_home(home)) == before
    assert said_in(home)["simulated_through"] == "2026-11-22T23:59:59+00:00"


def test_a_simulation_killed_in_the_middle_of_a_day_leaves_no_half_day(new_home: Callable[[], Path]) -> None:
    killed, whole = new_home(), new_home()
    for home in (killed, whole):
        simulated(home, days=0, scale=0.3, today=TODAY)
    admin = SampleAdmin.from_home(killed)
    before = tables(admin)
    with admin.session() as blocker:
        blocker.use(admin.database)
        blocker.run("start transaction")
        blocker.rows("select * from customers for update")
        code = "import sys; from pathlib import Path; from refera_platform.sandbox.business.simulate import simulate_days; "
        child = subprocess.Popen([sys.executable, "-c", code + "list(simulate_days(Path(sys.argv[1]), 1))", killed])
        await_change_of_customers(admin)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    await_alone(admin)
    assert tables(admin) == before
    simulated(killed, days=1, today=TODAY)
    simulated(whole, days=1, today=TODAY)
    assert tables(admin) == tables(SampleAdmin.from_home(whole))


def await_change_of_customers(admin: SampleAdmin) -> None:
    """Until another session has come to the customers, which is some way into its day."""
    waiting = (
        "select 1 from information_schema.processlist where info like '%from customers%' and id <> connection_id()"
    )
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
    simulated(whole, days=1, seed=9, scale=0.3, today=TODAY)

    for step in prepare_sample(broken, SampleSettings(days=1, seed=9, scale=0.3, today=TODAY)):
        if step.table == "products":
            break
    assert said_in(broken) == {"seed": 9, "scale": 0.3, "simulated_through": None}
    simulated(broken, days=1, today=TODAY)
    assert tables(SampleAdmin.from_home(broken)) == tables(SampleAdmin.from_home(whole))


def test_a_bad_scale_leaves_nothing_behind(home: Path) -> None:
    with pytest.raises(LocalStackError, match="choose a scale"):
        simulated(home, days=1, scale=0, today=TODAY)
    assert not (home / "sample.json").exists()


@pytest.mark.parametrize("other", [{"seed": 2}, {"scale": 1.0}], ids=["seed", "scale"])
def test_a_sample_does_not_go_on_as_another_one(home: Path, other: dict[str, Any]) -> None:
    simulated(home, days=0, seed=1, scale=0.3, today=TODAY)
    with pytest.raises(LocalStackError, match=r"goes on with seed 1 and scale 0\.3"):
        simulated(home, days=1, today=TODAY, **other)


def test_a_sample_that_lost_a_table_is_not_simulated(home: Path) -> None:
    simulated(home, days=0, scale=0.3, today=TODAY)
    admin = SampleAdmin.from_home(home)
    with admin.session() as session:
        session.run(f"drop table {admin.database}.payments")
    with pytest.raises(LocalStackError, match="lost payments: start over"):
        simulated(home, days=1, today=TODAY)
    (home / "sample.json").unlink()
    with pytest.raises(LocalStackError, match="but not payments: restore"):
        simulated(home, days=1, today=TODAY)


def test_two_cannot_simulate_at_once(home: Path) -> None:
    simulated(home, days=0, scale=0.3, today=TODAY)
    admin = SampleAdmin.from_home(home)
    refused = pytest.raises(LocalStackError, match="wait until they are done")
    with admin.session() as session, session.exclusive(admin.database), refused:
        simulated(home, days=1, today=TODAY)


@pytest.mark.parametrize("days", [-1], ids=["less than none"])
def test_a_number_of_days_that_makes_no_sense_is_refused(home: Path, days: int) -> None:
    with pytest.raises(LocalStackError, match="0 or more"):
        simulated(home, days=days, today=TODAY)
