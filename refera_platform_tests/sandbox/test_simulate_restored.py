"""Simulated days on tables that the sample did not make: a restored dump goes on as a business, too."""

import os
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.session import SampleAdmin
from refera_platform_tests.sandbox.conftest import simulated
from refera_platform_tests.sandbox.test_simulate import said_in, tables

TODAY = date(2026, 11, 23)
PUBLIC_SAMPLE = Path(__file__).parents[3] / "shared/data/classicmodels/mysqlsampledatabase.sql"


@pytest.fixture
def home(new_home: Callable[[], Path]) -> Path:
    return new_home()


FOREIGN = """
insert into offices values ('X1', 'Olinda', '1', 'a', null, null, 'Brazil', '1', 'S');
insert into employees values (1, 'Um', 'Uma', 'x1', 'u@example', 'X1', null, 'Boss');
insert into customers values (10, 'Dez', 'D', 'E', '1', 'a', null, 'Olinda', null, null, 'Brazil', 1, null);
insert into productlines values ('Things', null, null, null);
insert into products values ('T1', 'Thing', 'Things', '1:1', 'v', 'd', 5, 1.00, 2.00);
insert into products values ('T2', 'Other thing', 'Things', '1:1', 'v', 'd', 0, 1.50, 3.00);
insert into orders values (1, '1999-12-31', '2000-01-07', null, 'In Process', null, 10);
insert into orderdetails values (1, 'T1', 1, 2.00, 1), (1, 'T2', 1, 3.00, 2);
"""


def test_tables_that_somebody_else_made_go_on_from_where_days_ago(home: Path) -> None:
    admin = SampleAdmin.from_home(home)
    with admin.session() as session:
        session.run(f"create database {admin.database} character set latin1")
        session.use(admin.database)
        for table, body in TABLE_DEFINITIONS.items():
            session.run(f"create table {table} ({body}) engine = InnoDB")
        for statement in filter(str.strip, FOREIGN.split(";")):
            session.run(statement)
    report = simulated(home, days=6, seed=3, today=TODAY)
    assert [day.day for day in report] == [TODAY - timedelta(days=back) for back in range(6, 0, -1)]
    after = tables(admin)
    assert len(after["orders"]) > 6
    assert {row[1] for row in after["orders"].values()} > {day.day for day in report}
    assert said_in(home)["seed"] == 3


def test_restored_tables_have_no_scale(home: Path) -> None:
    simulated(home, days=2, scale=0.3, today=TODAY)
    (home / "sample.json").unlink()
    with pytest.raises(LocalStackError, match="leave it out"):
        simulated(home, days=1, scale=0.3, today=TODAY)


def test_a_restored_dump_of_a_simulated_source_goes_on_after_its_last_day(home: Path) -> None:
    simulated(home, days=2, scale=0.3, today=TODAY)
    (home / "sample.json").unlink()
    again = simulated(home, days=2, today=TODAY)
    assert [(report.day, report.is_repeated) for report in again] == [
        (date(2026, 11, 23), False),
        (date(2026, 11, 24), False),
    ]


def test_the_public_sample_goes_on(home: Path) -> None:
    if not PUBLIC_SAMPLE.exists():
        pytest.skip(f"the public sample is not at {PUBLIC_SAMPLE}")
    admin = SampleAdmin.from_home(home)
    dump = PUBLIC_SAMPLE.read_bytes().replace(b"`classicmodels`", f"`{admin.database}`".encode())
    client = ["mariadb", "--no-defaults", f"-h{admin.host}", f"-P{admin.port}", f"-u{admin.user}"]
    subprocess.run(client, input=dump, env=os.environ | {"MYSQL_PWD": admin.password}, check=True)
    before = tables(admin)
    report = simulated(home, days=3, today=TODAY)
    after = tables(admin)
    assert not any(day.is_repeated for day in report)
    assert said_in(home)["scale"] == 1.0
    for table in ("orders", "orderdetails", "payments"):
        assert after[table].keys() - before[table].keys()
        assert before[table].keys() - after[table].keys()
    assert min(after["orders"])[0] < 10100
    assert len(after["productlines"]) == 7


def test_a_long_business_stays_in_shape(home: Path) -> None:
    report = simulated(home, days=40, scale=0.3, today=TODAY)
    assert all(one.day < two.day for one, two in pairwise(report))
    orders = tables(SampleAdmin.from_home(home))["orders"].values()
    waiting = [row for row in orders if row[4] in {"In Process", "On Hold", "Disputed"}]
    assert len(waiting) < 40 < len(orders)
    assert all(day.changes[table, "insert"] for day in report for table in ("orders", "customers", "payments"))
