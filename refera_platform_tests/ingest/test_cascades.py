"""Rows that go with rows of another schema are found, and what the account may not see is said, with the grant."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from refera_platform.doctor import preflight
from refera_platform.orchestration.checks.ingest import ROW_COUNT_CHECK, ingest_check_results
from refera_platform.source.table import SourceTable
from refera_platform_tests.business import TODAY
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of
from refera_platform_tests.local_stack import captures, root

ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
TOP, BOTTOM = (
    SourceTable(database="classicmodels", name=name, key=("id",), about="Family.") for name in ("top", "bottom")
)


class Owner:
    """Who may do everything."""

    def __init__(self, cursor) -> None:
        self._cursor = cursor

    def run(self, *statements: str) -> None:
        for statement in statements:
            self._cursor.execute(statement)

    def grant(self, what: str) -> None:
        """Give something to whom the product reads as."""
        self._cursor.execute(
            "select user, host from mysql.user where user in (select user from mysql.db where db = 'classicmodels'"
            " and select_priv = 'Y' and insert_priv = 'N')"
        )
        for user, host in self._cursor.fetchall():
            self._cursor.execute(f"grant {what} to '{user}'@'{host}'")


@pytest.fixture
def owner(home, shop) -> Iterator[Owner]:
    """A family whose middle is in a schema that nobody copies; nobody may see it yet."""
    with closing(root(home)) as connection, connection.cursor() as cursor:
        one = Owner(cursor)
        one.run(
            "set foreign_key_checks = 1",
            "create database elsewhere",
            "create table classicmodels.top (id int primary key, code int unique)",
            "create table elsewhere.middle (id int primary key, top int, code int unique,"
            " foreign key (top) references classicmodels.top (id) on delete cascade,"
            " foreign key (code) references classicmodels.top (code) on update cascade)",
            "create table classicmodels.bottom (id int primary key, middle int, code int,"
            " foreign key (middle) references elsewhere.middle (id) on delete cascade,"
            " foreign key (code) references elsewhere.middle (code) on update cascade on delete set null)",
            f"set timestamp = unix_timestamp('{YESTERDAY} 12:00:00')",
        )
        for step in range(1, 6):
            one.run(
                f"insert into classicmodels.top values ({step}, {step * 10})",
                f"insert into elsewhere.middle values ({step}, {step}, {step * 10})",
                f"insert into classicmodels.bottom values ({step}, {step}, {step * 10})",
            )
        try:
            yield one
        finally:
            one.run("drop table classicmodels.bottom", "drop database elsewhere", "drop table classicmodels.top")
            cursor.execute("select user, host from mysql.tables_priv where db = 'elsewhere'")
            for user, host in cursor.fetchall():
                cursor.execute(f"revoke all on elsewhere.middle from '{user}'@'{host}'")


def test_rows_that_go_by_way_of_another_schema_are_found(stage, owner):
    owner.grant("references on elsewhere.middle")
    captures(stage, [TOP, BOTTOM], YESTERDAY)
    owner.run(f"set timestamp = unix_timestamp('{TODAY} 12:00:00')")
    owner.run("delete from classicmodels.top where id = 1", "update classicmodels.top set code = 21 where id = 2")
    came = captures(stage, [TOP, BOTTOM], TODAY)
    assert raw_of(stage, BOTTOM, "_op, id, code", TODAY) == [("d", 1, 10), ("u", 2, 21)]
    assert all(one.agrees and not one.unreadable_parents for one in came)
    owner.run("delete from elsewhere.middle where id = 3")
    captures(stage, [TOP, BOTTOM], TODAY + ONE)
    assert raw_of(stage, BOTTOM, "_op, id", TODAY + ONE) == [("d", 3)]
    owner.run("set session binlog_format = 'STATEMENT'", "delete from elsewhere.middle where id = 4")
    captures(stage, [TOP, BOTTOM], TODAY + 2 * ONE)
    assert raw_of(stage, BOTTOM, "_op, id", TODAY + 2 * ONE) == [("d", 4)]
    assert differences_of(stage, [TOP, BOTTOM]) == {}


def test_parents_that_the_account_may_not_see_are_said_with_the_grant(stage, owner):
    """The twin of the test before: without the grant the row stays, and both the check and doctor say why."""
    captures(stage, [TOP, BOTTOM], YESTERDAY)
    owner.run("delete from classicmodels.top where id = 1")
    top, bottom = captures(stage, [TOP, BOTTOM], TODAY)
    assert (top.unreadable_parents, bottom.unreadable_parents) == ((), ("elsewhere.middle",))
    assert not bottom.agrees
    (said,) = [each for each in ingest_check_results(bottom, shows_values=False) if each.check_name == ROW_COUNT_CHECK]
    assert "are changed or deleted with rows of elsewhere.middle" in said.description
    assert "`refera doctor`" in said.description
    found = preflight.diagnose(stage, [TOP, BOTTOM], roots=[])
    (warned,) = [each for each in found.findings if each.about == "classicmodels: parents of parents"]
    (statement,) = [each for each in found.grants["classicmodels"] if "REFERENCES" in each]
    assert statement in warned.remedy
    assert "elsewhere.middle" in warned.found
    owner.run(statement)
    well = preflight.diagnose(stage, [TOP, BOTTOM], roots=[])
    assert not [each for each in well.findings if "parents" in each.about or "elsewhere" in each.found]
    assert statement in well.grants["classicmodels"]
