"""A table as it was at the end of a day: what was there then, and no day that nobody saw."""

from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.answers.session import open_query_session
from refera_platform.errors import QueryError
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, find_table
from refera_platform_tests.local_stack import captures

FIRST = TODAY - timedelta(days=3)
PAYMENTS = find_table("payments")


def lived(stage, shop, table):
    """Payments on four days: three, then one changed and one deleted, then nobody looks, then one back."""
    captures(stage, [table], FIRST)
    shop.at(FIRST + timedelta(days=1))
    shop.run("update payments set amount = 1.23 where checkNumber = 'C1'")
    shop.run("delete from payments where checkNumber = 'C2'")
    captures(stage, [table], FIRST + timedelta(days=1))
    shop.at(TODAY)
    shop.run("insert into payments values (11, 'C2', '2026-03-10', 7.00)")
    shop.run("alter table payments add column note text")
    captures(stage, [table], FIRST + timedelta(days=2), TODAY)
    return stage


@pytest.fixture(params=[Strategy.LOG, Strategy.COMPARE], ids=lambda strategy: strategy.value)
def history(request, stage, shop):
    """The days, by each strategy that follows a table."""
    return lived(stage, shop, replace(PAYMENTS, strategy=request.param))


@pytest.fixture
def compared(stage, shop):
    """The days of a table that is compared."""
    return lived(stage, shop, replace(PAYMENTS, strategy=Strategy.COMPARE))


def then(stage, day):
    with open_query_session(stage, checkout_project()) as session:
        cursor = session.query(session.rows_as_of(PAYMENTS, day))
        names = [column[0] for column in cursor.description]
        return names, [(row[1], str(row[3])) for row in cursor.fetchall()]


def test_a_table_is_rebuilt_as_it_was_with_the_columns_it_had(history):
    names, rows = then(history, FIRST)
    assert rows == [("C1", "48.98"), ("C2", "60.00"), ("C3", "0.01")]
    assert names == ["customerNumber", "checkNumber", "paymentDate", "amount"]
    assert then(history, FIRST + timedelta(days=1))[1] == [("C1", "1.23"), ("C3", "0.01")]
    names, rows = then(history, TODAY)
    assert rows == [("C1", "1.23"), ("C2", "7.00"), ("C3", "0.01")]
    assert names[-1] == "note"


@pytest.mark.parametrize(
    ("day", "said"),
    [
        pytest.param(
            FIRST + timedelta(days=2),
            "classicmodels.payments was not read on 2026-03-09.*are 2026-03-08 and 2026-03-10",
            id="unseen",
        ),
        pytest.param(
            FIRST - timedelta(days=1),
            "is known from 2026-03-07 to 2026-03-10, and not on 2026-03-06",
            id="before",
        ),
        pytest.param(TODAY + timedelta(days=1), "and not on 2026-03-11: ask for a day in between", id="after"),
    ],
)
def test_a_day_that_nobody_saw_is_refused(compared, day, said):
    with pytest.raises(QueryError, match=said):
        then(compared, day)


def test_the_log_tells_also_of_the_day_on_which_nobody_looked(stage, shop):
    history = lived(stage, shop, PAYMENTS)
    day_before = then(history, FIRST + timedelta(days=1))
    assert then(history, FIRST + timedelta(days=2)) == day_before


def test_a_table_that_was_never_captured_says_so(compared):
    with (
        open_query_session(compared, checkout_project()) as session,
        pytest.raises(QueryError, match=r"classicmodels\.orders was never captured"),
    ):
        session.rows_as_of(find_table("orders"), TODAY)
